"""The command line of a Kafka JVM, and the cache that lets it start in half the time."""

import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blueprint.security import MECHANISM, Credentials
from blueprint.topology import Role
from lab.problem import LabError
from lab.process import mark
from lab.tools.cache import install_once

_LOG4J = Path(__file__).parent / "log4j2.xml"
#: Measured: brokers use 290 to 390 MB in all at these heaps, controllers 140 to 215 MB.
_HEAP_MB = {Role.BROKER: 256, Role.CONTROLLER: 128}
_TRAINING_TIMEOUT_S = 90
_AOT_NAME = "kafka.aot"


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

    def command(self, main: str, heap_mb: int, *options: str) -> list[str]:
        """The command that runs a main class; its arguments are to be appended."""
        flags = [f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-Xlog:disable"]
        flags += ["-Xlog:all=error:stderr", "-XX:+ExitOnOutOfMemoryError"]
        if self.quick_start:
            flags.append("-XX:TieredStopAtLevel=1")
        if self.aot is not None:
            flags.append(f"-XX:AOTCache={self.aot}")
        flags.append(f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}")
        return [str(self.java), *flags, *options, "-cp", f"{self.jars}/*", main]

    def kafka(self, role: Role, properties: Path, hosts: Path, marked: str) -> list[str]:
        """The command of one Kafka process, marked as a lab's own."""
        options = (f"-Djdk.net.hosts.file={hosts}", f"-Dquorate.process={marked}")
        return [*self.command("kafka.Kafka", _HEAP_MB[role], *options), str(properties)]

    def format(
        self, properties: Path, cluster_id: str, voters: str, users: Sequence[Credentials] = ()
    ) -> None:
        """Format one controller's storage with the first voters of the quorum.

        Args:
            properties: The controller's server.properties.
            cluster_id: The cluster's id.
            voters: As StorageTool writes them.
            users: Whom the cluster is to let in by password from its first moment on.

        Raises:
            LabError: StorageTool refused; its last line is the reason.
        """
        command = [*self.command("kafka.tools.StorageTool", 128), "format", "-t", cluster_id]
        command += ["-c", str(properties), "--initial-controllers", voters]
        command += [word for user in users for word in ("--add-scram", _scram(user))]
        with _argument_file(command[1:]) as file:
            said = [command[0], f"@{file}"]
            done = subprocess.run(said, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            lines = (done.stderr + done.stdout).strip().splitlines() or ["it said nothing"]
            reason = lines[-1]
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


def trained(java: Path, jars: Path) -> Jvm:
    """A JVM with the user's ahead-of-time cache, made on the first use.

    A java that cannot make one (before 25) simply starts more slowly.
    """
    key = hashlib.sha256(f"{java}{java.stat().st_mtime_ns}{jars}".encode()).hexdigest()[:12]
    folder = install_once(f"aot-{key}", lambda room: _train(java, jars, room))
    cache = folder / _AOT_NAME
    return Jvm(java, jars, cache if cache.exists() else None)


def _train(java: Path, jars: Path, room: Path) -> None:
    """Start a one-node cluster once and keep the classes it loaded."""
    jvm = Jvm(java, jars, None)
    node = room / "training"
    node.mkdir()
    properties, log = node / "server.properties", node / "server.log"
    with socket.socket() as client, socket.socket() as quorum:
        for reserved in (client, quorum):
            reserved.bind(("127.0.0.1", 0))
        ports = client.getsockname()[1], quorum.getsockname()[1]
    text = _TRAINING.format(data=node / "data", client=ports[0], quorum=ports[1])
    properties.write_text(text)
    formatting = jvm.command("kafka.tools.StorageTool", 128)
    formatting += ["format", "-t", _TRAINING_ID, "-c", str(properties), "--standalone"]
    subprocess.run(formatting, capture_output=True, timeout=60, check=False)
    hosts = node / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    output = f"-XX:AOTCacheOutput={room / _AOT_NAME}"
    command = jvm.kafka(Role.BROKER, properties, hosts, mark(node, "training"))
    with log.open("wb") as out:
        server = subprocess.Popen([command[0], output, *command[1:]], stdout=out, stderr=out)
    try:
        _wait_for(log, b"Kafka Server started", server)
        server.terminate()
        server.wait(_TRAINING_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # Without a cache the lab starts more slowly and is otherwise the same.
        (room / _AOT_NAME).unlink(missing_ok=True)
    finally:
        server.kill()
        server.wait(10)
        shutil.rmtree(node)


def _wait_for(log: Path, said: bytes, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _TRAINING_TIMEOUT_S
    while said not in log.read_bytes() and server.poll() is None:
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(server.args, _TRAINING_TIMEOUT_S)
        time.sleep(0.05)


_TRAINING_ID = "quorate-training-00000"
_TRAINING = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{quorum}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{quorum}
log.dirs={data}
offsets.topic.replication.factor=1
"""
