"""The command line of a Kafka JVM."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blueprint.security import MECHANISM, Credentials
from blueprint.topology import Role
from lab.problem import LabError

_LOG4J = Path(__file__).parent / "log4j2.xml"
#: Kafka puts a PEM key into a keystore in memory, for which Java encrypts it 10,000 times over; a
#: broker does so once for each of its network threads. The key is beside it in clear: once will do.
#: Measured: 45 ms a time when compiled, 1 to 2 s before; with this 5 ms.
_CHEAP_KEYSTORE = "-Dkeystore.pkcs12.keyPbeIterationCount=1"
#: Without the optimising compiler Java has no use for a processor's AES instructions. Measured:
#: ChaCha20-Poly1305 150 MB/s, AES-GCM 39 MB/s.
_CHEAP_CIPHER = (
    "-Djdk.tls.server.cipherSuites="
    "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"
)
#: 128 MB of a broker's are its log cleaner's own. With 256 MB in all, the old generation was full
#: after 25 minutes of tests on 220 replicas, and a broker that has no room left ends.
_HEAP_MB = {Role.BROKER: 512, Role.CONTROLLER: 128}


@dataclass(frozen=True, slots=True)
class Jvm:
    """A java, Kafka's jars, and an ahead-of-time cache where the java can use one."""

    java: Path
    jars: Path
    aot: Path | None
    quick_start: bool = True

    def with_quick_start(self, quick_start: bool) -> "Jvm":
        """The same with or without the optimising compiler."""
        return replace(self, quick_start=quick_start)

    def command(
        self, main: str, heap_mb: int, *options: str, beside: Path | None = None
    ) -> list[str]:
        """The command that runs a main class; its arguments are to be appended.

        Args:
            main: The class.
            heap_mb: Its largest heap.
            options: Of the JVM, beside those of every lab.
            beside: A folder of jars beside Kafka's.
        """
        flags = [f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-Xlog:disable"]
        flags += ["-Xlog:all=error:stderr", "-XX:+ExitOnOutOfMemoryError"]
        flags.append(_CHEAP_KEYSTORE)
        if self.quick_start:
            flags += ["-XX:TieredStopAtLevel=1", _CHEAP_CIPHER]
        if self.aot is not None:
            flags.append(f"-XX:AOTCache={self.aot}")
        flags.append(f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}")
        path = f"{self.jars}/*" if beside is None else f"{self.jars}/*:{beside}/*"
        return [str(self.java), *flags, *options, "-cp", path, main]

    def kafka(self, role: Role, properties: Path, hosts: Path, marked: str) -> list[str]:
        """The command of one Kafka process, marked as a lab's own."""
        options = (f"-Djdk.net.hosts.file={hosts}", f"-Dquorate.process={marked}")
        return [*self.command("kafka.Kafka", _HEAP_MB[role], *options), str(properties)]

    def format(
        self,
        properties: Path,
        cluster_id: str,
        voters: Sequence[str],
        users: Sequence[Credentials] = (),
    ) -> None:
        """Format one controller's storage with the first voters of the quorum.

        Args:
            properties: The controller's server.properties.
            cluster_id: The cluster's id.
            voters: StorageTool's option that names them.
            users: Whom the cluster is to let in by password from its first moment on.

        Raises:
            LabError: StorageTool refused; its last line is the reason.
        """
        command = [*self.command("kafka.tools.StorageTool", 128), "format", "-t", cluster_id]
        command += ["-c", str(properties), *voters]
        command += [word for user in users for word in ("--add-scram", _scram(user))]
        with _argument_file(command[1:]) as file:
            said = [command[0], f"@{file}"]
            done = subprocess.run(said, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            lines = (done.stderr + done.stdout).strip().splitlines() or ["it said nothing"]
            # Java says why first, and then where; a refusal without a trace ends in its reason.
            reason = next((line for line in lines if "Exception: " in line), lines[-1])
            reason = reason.rpartition("Exception: ")[2]
            for user in users:
                reason = reason.replace(user.password, "***")
            raise LabError(f"could not format the controllers' storage: {reason}")


def _scram(user: Credentials) -> str:
    return f"{MECHANISM}=[name={user.username},password={user.password}]"


@contextmanager
def _argument_file(words: Sequence[str]) -> Iterator[str]:
    """A file that java reads its arguments from: a command line is for everyone to see."""
    with tempfile.NamedTemporaryFile("w", prefix="quorate-", suffix=".args") as file:
        for word in words:
            escaped = word.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'"{escaped}"\n')
        file.flush()
        yield file.name
