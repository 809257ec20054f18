"""Several members of one instance, each a process: more cores than one interpreter uses.

They end together. A member that ends unasked ends the rest, since whoever started the instance
starts all of it again; an instance that is killed closes their input, and they leave in order.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

_LOOK_S = 0.1


class Processes:
    """The processes of one instance."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        """Start one process for each list of the fleet door's arguments."""
        self._asked = threading.Event()
        self._processes = [
            subprocess.Popen([sys.executable, "-m", "fleet", *command], stdin=subprocess.PIPE)
            for command in commands
        ]

    def stop(self) -> None:
        """Ask all to end in order."""
        self._asked.set()

    def pass_on(self, number: int) -> None:
        """Send a signal to all that run."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def wait(self, grace_s: float) -> int:
        """Wait until all have ended; whoever takes longer than ``grace_s`` from then is killed.

        Returns:
            The highest exit code; at least 1 when one ended unasked or had to be killed.
        """
        while not self._asked.is_set():
            if any(process.poll() is not None for process in self._processes):
                break
            self._asked.wait(_LOOK_S)
        unasked = not self._asked.is_set()
        deadline_s = time.monotonic() + grace_s
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        codes = [self._code(process, deadline_s) for process in self._processes]
        return max(*codes, int(unasked))

    def _code(self, process: "subprocess.Popen[bytes]", deadline_s: float) -> int:
        try:
            code = process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        # Killed by a signal is no success.
        return code if code >= 0 else 1


def follow_input(stop: Callable[[], None]) -> None:
    """Call ``stop`` once standard input ends: whoever started this process is gone."""

    def follow() -> None:
        # Not through sys.stdin: its lock, held here for ever, would be in the way of the end.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        stop()

    threading.Thread(target=follow, name="input", daemon=True).start()
