"""The worker processes of a run: started, listened to, told to stop, ended."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from chaos.workload.spec import FinalReadSpec, GreedySpec, OutboxSpec, ProducerSpec, Spec, to_line

_MODULES = {
    ProducerSpec: "chaos.workload.producer",
    OutboxSpec: "chaos.workload.outbox_writer",
    GreedySpec: "chaos.workload.greedy",
    FinalReadSpec: "chaos.workload.final_reader",
}
#: Where a command is told to read what it must not be given in clear.
SECRET = "{secret}"

#: Told every line a worker says, on that worker's own thread.
Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a worker is started, and asked to end.

    Attributes:
        arguments: Of the interpreter.
        first: What it is told to begin with, on standard input.
        stop: What asks it to end in order; nothing: the end of its input does.
        environment: Besides the run's own.
        secret: What it reads from the file that stands for ``SECRET`` in its arguments.
    """

    arguments: tuple[str, ...]
    first: str = ""
    stop: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""


def launch(run_dir: Path, spec: Spec) -> Launch:
    """One of the suite's own workers."""
    return Launch(("-m", _MODULES[type(spec)], f"--run={run_dir}"), to_line(spec), "stop\n")


class Worker:
    """One process; its words go to the listener from the moment it starts."""

    def __init__(
        self, run_dir: Path, name: str, zone: str, start: Launch, listen: Listener
    ) -> None:
        """Start it."""
        self.name, self.zone = name, zone
        self.killed = False
        self._stop = start.stop
        with _readable(start.secret) as secret:
            words = [word.replace(SECRET, f"/dev/fd/{secret}") for word in start.arguments]
            self._process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[secret],
                cwd=Path(__file__).parents[1],
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", **start.environment},
            )
        self._tell(start.first)
        log = run_dir / "workers.log"
        self._readers = [
            threading.Thread(target=_hear, args=(stream, listen, kept), daemon=True)
            for stream, kept in ((self._process.stdout, None), (self._process.stderr, log))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended; negative for a signal, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end in order."""
        self._tell(self._stop)
        if not self._stop:
            self._hang_up()

    def kill(self) -> None:
        """SIGKILL."""
        self.killed = True
        self._process.kill()

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end and its last word; returns whether it came in time."""
        try:
            self._process.wait(max(0.01, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        for reader in self._readers:
            reader.join(5.0)
        return True

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()


def _hear(stream: IO[bytes] | None, listen: Listener, kept: Path | None) -> None:
    """Pass on every line that is an object of JSON; keep all of them where that is asked for."""
    assert stream is not None
    with stream, (kept or Path(os.devnull)).open("ab", buffering=0) as log:
        for line in stream:
            log.write(line)
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    listen(said)


@contextmanager
def _readable(secret: str) -> Iterator[int]:
    """A file descriptor that a secret can be read from, once; it is never on a disk."""
    inward, outward = os.pipe()
    try:
        os.write(outward, secret.encode())
        os.close(outward)
        yield inward
    finally:
        os.close(inward)


def wait_all(workers: list[Worker], timeout_s: float) -> list[Worker]:
    """Wait for all to end; SIGKILL the rest and return it."""
    deadline = time.monotonic() + timeout_s
    late = [worker for worker in workers if not worker.wait(deadline - time.monotonic())]
    for worker in late:
        worker.kill()
        worker.wait(5.0)
    return late
