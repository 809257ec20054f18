"""One PostgreSQL on this machine, started, killed, found again and taken down.

It listens on loopback alone and trusts whoever comes: it is for tests and game days. By default it
does not wait for the disk (``fsync=off``): what it has committed outlives its processes, killed or
not, but not a loss of power.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock

from lab import process
from lab.problem import LabError
from lab.tools.postgres import databases_root, postgres_binaries, server_user

HOST, USER, DATABASE = "127.0.0.1", "postgres", "postgres"
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
_LOCK_TIMEOUT_S = 60
_POLL_S = 0.02
#: What a replication slot may hold back; beyond it the slot is lost and the log goes on.
MOST_SLOT_WAL_MB = 256
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_slot_wal_keep_size": f"{MOST_SLOT_WAL_MB}MB",
    "max_connections": "200",
    "fsync": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One database, running or not; every method may be repeated.

    Attributes:
        folder: Of its data and its log.
        port: On loopback; the same after every start.
        settings: Beside or instead of those that every lab's database has.
    """

    folder: Path
    port: int
    settings: Mapping[str, str]

    @classmethod
    def up(cls, name: str, settings: Mapping[str, str] | None = None) -> "Postgres":
        """Make and start the database of that name, or find it and start what is missing.

        Raises:
            LabError: The machine stands in the way.
        """
        with _exclusive(name):
            found = _known(name) or cls(_folder(name), free_port(), dict(settings or {}))
            found._make()
            found.start()
        return found

    @property
    def dsn(self) -> str:
        """How libpq comes to it."""
        return f"host={HOST} port={self.port} user={USER} dbname={DATABASE}"

    @property
    def data(self) -> Path:
        """Its data, and the mark on its command line by which it is found."""
        return Path(process.mark(self.folder, "postgres"))

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log" / "postgres.log"

    def pid(self) -> int | None:
        """Its first process, or None when it has none."""
        found = process.find(str(self.data))
        return found.pid if found else None

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers.

        Raises:
            LabError: It ended, or did not answer in time; its log says why.
        """
        if self.pid() is None:
            command = [str(postgres_binaries() / "postgres"), "-D", str(self.data)]
            wanted = {**_SETTINGS, "port": str(self.port), **self.settings}
            for setting, value in wanted.items():
                command += ["-c", f"{setting}={value}"]
            process.spawn(command, self.log, user=server_user())
        self._await_ready()

    def kill(self) -> None:
        """SIGKILL, with its children: one that lives on keeps the next start from the data."""
        found = process.find_all(str(self.data), exact=True)
        children: list[psutil.Process] = []
        for server in found:
            with suppress(psutil.NoSuchProcess):
                children += server.children(recursive=True)
        process.kill([*found, *children])

    def stop(self) -> None:
        """Shut it down in order: connections are ended, what is committed is written."""
        found = process.find(str(self.data))
        if found is None:
            return
        # SIGINT is PostgreSQL's fast shutdown; its SIGTERM waits for every client to leave.
        process.send(found, signal.SIGINT)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while self.pid() is not None and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        self.kill()

    def down(self) -> None:
        """End it and remove its folder."""
        tear_down(self.folder.name)

    def _make(self) -> None:
        if (self.folder / "postgres.json").exists():
            return
        for folder in (self.folder, self.data.parent, self.log.parent):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        user = server_user()
        # What an earlier making left behind is no database.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        if user is not None:
            os.chown(self.data, user, user)
        options = ["-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale"]
        command = [str(postgres_binaries() / "initdb"), "-D", str(self.data), *options]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise LabError(f"initdb refused: {last}")
        # Last: a folder with it is whole.
        said = json.dumps({"port": self.port, "settings": dict(self.settings)})
        (self.folder / "postgres.json").write_text(said)

    def _await_ready(self) -> None:
        ready = [str(postgres_binaries() / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while subprocess.run(ready, check=False, timeout=READY_TIMEOUT_S).returncode != 0:
            if self.pid() is None:
                raise LabError(f"PostgreSQL ended while it started; {self.log} says why")
            if time.monotonic() > deadline_s:
                raise LabError(
                    f"PostgreSQL did not answer within {READY_TIMEOUT_S:g} s; see {self.log}"
                )
            time.sleep(_POLL_S)


def tear_down(name: str) -> bool:
    """End and remove the database of that name, whole or half made; return whether there was one.

    Raises:
        LabError: A process outlived SIGKILL.
    """
    folder = _folder(name)
    with _exclusive(name):
        there = folder.exists()
        process.kill(process.find_all(process.mark(folder, "")))
        # Children of a killed server may still be writing for a moment.
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while folder.exists() and time.monotonic() < deadline_s:
            shutil.rmtree(folder, ignore_errors=True)
    return there


def _folder(name: str) -> Path:
    return databases_root() / name


def _known(name: str) -> Postgres | None:
    """A database that was made; a damaged note of it is as good as none."""
    folder = _folder(name)
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads((folder / "postgres.json").read_text())
        return Postgres(folder, int(said["port"]), dict(said["settings"]))
    (folder / "postgres.json").unlink(missing_ok=True)
    return None


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _exclusive(name: str) -> FileLock:
    databases_root().mkdir(mode=0o755, parents=True, exist_ok=True)
    return FileLock(databases_root() / f".{name}.lock", timeout=_LOCK_TIMEOUT_S)
