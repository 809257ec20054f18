"""Processes of a lab, found by what stands on their command line and never by a pid alone.

A pid file can be stale or never written; the mark of a lab is on the command line from the moment
the process exists, so whoever comes next finds it again, and never signals a stranger.
"""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from lab.problem import LabError

KILL_TIMEOUT_S = 10.0
_EXEC_TIMEOUT_S = 5.0
_POLL_S = 0.02


def mark(state_dir: Path, name: str) -> str:
    """The word on a command line that says whose process it is and which."""
    return f"{state_dir}/run/{name}"


def spawn(
    command: Sequence[str],
    log: Path,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> int:
    """Start a process in a session of its own, its output appended to ``log``; return its pid.

    Args:
        command: The program and its arguments.
        log: What it prints.
        environment: Beside that of this process.
        user: The number of another user to run it as, with that group and no other.

    Raises:
        LabError: It could not be started at all.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
                env=dict(os.environ) | (environment or {}),
                user=user,
                group=user,
                extra_groups=None if user is None else (),
            )
        except OSError as error:
            raise LabError(f"could not start {command[0]}: {error.strerror}") from None
    _await_command_line(started.pid)
    # The process outlives this one by design; psutil finds and reaps it.
    started.returncode = 0
    return started.pid


def _await_command_line(pid: int) -> None:
    """Wait until a new process can be found by its mark.

    Popen returns when the kernel has closed what is not inherited, which is before it has laid out
    the command line: whoever looked in between took the process for one that had ended.
    """
    deadline = time.monotonic() + _EXEC_TIMEOUT_S
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while not process.cmdline() and _living(process) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def find(word: str) -> psutil.Process | None:
    """The living process that carries this exact mark, if there is one."""
    return next(iter(find_all(word, exact=True)), None)


def find_all(word: str, *, exact: bool = False) -> list[psutil.Process]:
    """Every living process with a word on its command line that is, or begins with, ``word``."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            line = process.cmdline()
            if any(_carries(argument, word, exact) for argument in line) and _living(process):
                found.append(process)
    return found


def kill(processes: Collection[psutil.Process], timeout_s: float = KILL_TIMEOUT_S) -> None:
    """SIGKILL and wait until they are gone.

    Raises:
        LabError: One was still there after ``timeout_s``.
    """
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    left = _outliving(processes, timeout_s)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise LabError(f"processes {pids} are still there {timeout_s:.0f} s after SIGKILL")


def terminate(processes: Sequence[psutil.Process], timeout_s: float) -> None:
    """SIGTERM, and SIGKILL for those still there after ``timeout_s``."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    kill(_outliving(processes, timeout_s))


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal; one that has gone in the meantime is no error."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _outliving(processes: Collection[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those still running after the time; one that only its parent has yet to reap is gone."""
    left, deadline = list(processes), time.monotonic() + timeout_s
    while True:
        left = [process for process in left if _running(process)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_POLL_S)


def _running(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and _living(process)
    return False


def _carries(argument: str, word: str, exact: bool) -> bool:
    _, _, value = argument.rpartition("=")
    return value == word if exact else value.startswith(word)


def _living(process: psutil.Process) -> bool:
    if process.status() != psutil.STATUS_ZOMBIE:
        return True
    with suppress(psutil.TimeoutExpired, ChildProcessError):
        process.wait(timeout=0)
    return False
