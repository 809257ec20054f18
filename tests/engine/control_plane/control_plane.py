"""Starts and ends a control plane: etcd, API server, scheduler, controller manager, six nodes."""

import secrets
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from filelock import FileLock, Timeout

from lab import process
from lab.tools.cache import root
from tests.engine.control_plane.api import Api, Reference, wait_for
from tests.engine.control_plane.binaries import Binaries
from tests.engine.control_plane.kubeconfig import Access
from tests.engine.control_plane.kubelets import Kubelets
from tests.engine.control_plane.nodes import Nodes

#: Ready in 3 s on an idle machine.
_READY_S = 120.0
_ISSUER = "https://kubernetes.default.svc"
#: Nobody sends the heartbeats of these nodes: the controllers are to wait longer than any run.
_HEARTBEAT = "24h"


class ControlPlaneFailed(RuntimeError):
    """One of the processes ended or did not get ready; the text ends with what it said last."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        kubeconfig: A file for clients, with every right.
        api: A client with every right.
        nodes: To take a zone away and bring it back.
    """

    folder: Path
    kubeconfig: Path
    api: Api
    nodes: Nodes
    _ending: ExitStack

    @classmethod
    def start(cls, binaries: Binaries) -> "ControlPlane":
        """Start one on free loopback ports, and end what a run that was killed has left.

        Raises:
            ControlPlaneFailed: It did not get ready.
        """
        end_orphans()
        folder, lock = _new_folder()
        with ExitStack() as ending:
            ending.callback(_end, folder, lock)
            access = _start_server(binaries, folder)
            api = Api(access)
            ending.callback(api.close)
            _await(folder, "the API server", api.ready)
            _start_controllers(binaries, folder, access)
            nodes, kubelets = Nodes(api), Kubelets(api)
            nodes.restore()
            kubelets.start()
            ending.callback(kubelets.stop)
            plane = cls(folder, folder / "kubeconfig", api, nodes, ending.pop_all())
        with ExitStack() as failed:
            failed.callback(plane.stop)
            _await(folder, "the controllers", lambda: plane.usable("default"))
            failed.pop_all()
        return plane

    def usable(self, namespace: str) -> bool:
        """Can pods be made in a namespace: has it got the account that they run as?"""
        return self.api.get(Reference("v1", "ServiceAccount", "default", namespace)) is not None

    def make_namespace(self, name: str) -> None:
        """Make a namespace and wait until pods can be made in it."""
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        wait_for(f"namespace {name}", lambda: self.usable(name), timeout_s=60)

    def stop(self) -> None:
        """End every process and remove every file."""
        self._ending.close()


# Folders of control planes, each beside a lock that its owner holds while it lives.


def _home() -> Path:
    home = root() / "control-planes"
    home.mkdir(parents=True, exist_ok=True)
    return home


def _moving() -> FileLock:
    """Held while folders come and go."""
    return FileLock(_home() / "home.lock", timeout=_READY_S)


def _new_folder() -> tuple[Path, FileLock]:
    with _moving():
        folder = Path(mkdtemp(prefix="plane-", dir=_home()))
        lock = FileLock(folder.with_suffix(".lock"))
        lock.acquire(timeout=0)
    return folder, lock


def end_orphans() -> None:
    """End the control planes of runs that were killed: nobody holds their locks any more."""
    with _moving():
        for folder in {found.with_suffix("") for found in _home().glob("plane-*")}:
            lock = FileLock(folder.with_suffix(".lock"))
            with suppress(Timeout):
                lock.acquire(timeout=0)
                _end(folder, lock)


def _end(folder: Path, lock: FileLock) -> None:
    # Nothing of it is kept, so nothing need be put in order first.
    process.kill(process.find_all(f"{folder}/run/"))
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _start_server(binaries: Binaries, folder: Path) -> Access:
    """Start what keeps objects and what admits them; the latter makes its own certificate."""
    token = secrets.token_hex(16)
    _write_secrets(folder, token)
    etcd_port, peer_port, port = _free_ports(3)
    client, peer = (f"http://127.0.0.1:{number}" for number in (etcd_port, peer_port))
    _spawn(folder, "etcd", (binaries.etcd, *_etcd(folder, client, peer)))
    _spawn(folder, "apiserver", (binaries.apiserver, *_apiserver(folder, client, port)))
    certificate = _certificate(folder)
    _await(folder, "the API server's certificate", certificate.exists)
    access = Access(f"https://127.0.0.1:{port}", certificate.read_text(), token)
    _write(folder / "kubeconfig", access.to_yaml())
    return access


def _start_controllers(binaries: Binaries, folder: Path, access: Access) -> None:
    for name, binary, options in (
        ("scheduler", binaries.scheduler, ()),
        ("controllers", binaries.controller_manager, _controllers(folder)),
    ):
        own = Path(process.mark(folder, name))
        _write(own, access.to_yaml())
        common = (f"--kubeconfig={own}", "--leader-elect=false", "--secure-port=0")
        _spawn(folder, name, (binary, *common, *options))


def _spawn(folder: Path, name: str, command: Sequence[str | Path]) -> None:
    process.spawn([str(word) for word in command], folder / "logs" / f"{name}.log")


def _await(folder: Path, what: str, condition: Callable[[], bool]) -> None:
    started = {log.stem for log in (folder / "logs").glob("*.log")}

    def arrived() -> bool:
        for name in started:
            if process.find(process.mark(folder, name)) is None:
                raise ControlPlaneFailed(f"{name} has ended:\n{_last_words(folder, name)}")
        return condition()

    try:
        wait_for(what, arrived, _READY_S)
    except TimeoutError as error:
        said = "\n".join(f"{name}:\n{_last_words(folder, name)}" for name in sorted(started))
        raise ControlPlaneFailed(f"{error}\n{said}") from None


def _last_words(folder: Path, name: str) -> str:
    lines = (folder / "logs" / f"{name}.log").read_text(errors="replace").splitlines()
    return "\n".join(lines[-8:])


def _etcd(folder: Path, client: str, peer: str) -> tuple[str, ...]:
    return (
        f"--data-dir={process.mark(folder, 'etcd')}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _apiserver(folder: Path, etcd: str, port: int) -> tuple[str, ...]:
    key = folder / "accounts.pem"
    return (
        f"--cert-dir={process.mark(folder, 'apiserver')}",
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
    )


def _certificate(folder: Path) -> Path:
    return Path(process.mark(folder, "apiserver")) / "apiserver.crt"


def _controllers(folder: Path) -> tuple[str, ...]:
    return (
        f"--service-account-private-key-file={folder / 'accounts.pem'}",
        f"--root-ca-file={_certificate(folder)}",
        f"--node-monitor-grace-period={_HEARTBEAT}",
    )


def _write_secrets(folder: Path, token: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    (folder / "run").mkdir()
    _write(folder / "accounts.pem", key.decode())
    _write(folder / "tokens.csv", f'{token},test,test,"system:masters"\n')


def _write(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret)


def _free_ports(count: int) -> list[int]:
    """Held until all are known, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [server.getsockname()[1] for server in held]
    finally:
        for server in held:
            server.close()
