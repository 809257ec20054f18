"""The worker processes of a run: started, listened to, told to stop, ended."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.workload.spec import FinalReadSpec, MemberSpec, ProducerSpec, Spec, to_line

_MODULES = {
    ProducerSpec: "chaos.workload.producer",
    MemberSpec: "chaos.workload.member",
    FinalReadSpec: "chaos.workload.final_reader",
}

#: Told every line a worker says, on that worker's own thread.
Listener = Callable[[dict[str, Any]], None]


class Worker:
    """One process; its words go to the listener from the moment it starts."""

    def __init__(self, run_dir: Path, name: str, zone: str, spec: Spec, listen: Listener) -> None:
        """Start it."""
        self.name, self.zone = name, zone
        self.killed = False
        log = (run_dir / "workers.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULES[type(spec)], f"--run={run_dir}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        log.close()
        self._tell(to_line(spec))
        self._reader = threading.Thread(target=self._listen, args=(listen,), daemon=True)
        self._reader.start()

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
        self._tell("stop\n")

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
        self._reader.join(5.0)
        return True

    def _tell(self, line: str) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def _listen(self, listen: Listener) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            listen(said)


def wait_all(workers: list[Worker], timeout_s: float) -> list[Worker]:
    """Wait for all to end; SIGKILL the rest and return it."""
    deadline = time.monotonic() + timeout_s
    late = [worker for worker in workers if not worker.wait(deadline - time.monotonic())]
    for worker in late:
        worker.kill()
        worker.wait(5.0)
    return late
