"""Ends a run at any point: signals and abort conditions raise in the main thread, heals do not."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_TICK_S = 0.2


class Aborted(Exception):
    """The run is to end now and its fault is to be lifted."""


class Interrupts:
    """Turns SIGINT, SIGTERM, SIGHUP and the watchdog's word into ``Aborted``, once."""

    def __init__(self) -> None:
        """Nothing is caught yet."""
        self._why = ""
        self._masked = 0
        self._raised = False
        self._stop = threading.Event()

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Catch signals; the former handlers come back at the end."""
        names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
        before = {name: signal.signal(name, self._on_signal) for name in names}
        try:
            yield
        finally:
            self._stop.set()
            for name, handler in before.items():
                signal.signal(name, handler)

    @contextmanager
    def masked(self) -> Iterator[None]:
        """Let what is inside come to its end; an abort is raised after it."""
        self._masked += 1
        try:
            yield
        finally:
            self._masked -= 1
        self._raise_if_due()

    def finish(self) -> None:
        """From here on nothing interrupts: the run ends and cleans up."""
        self._raised = True
        self._stop.set()

    def watch(self, due: Callable[[], str]) -> None:
        """Ask ``due`` in a thread until it names a reason to abort."""

        def ask() -> None:
            while not self._stop.wait(_TICK_S):
                why = due()
                if why:
                    self._why = self._why or why
                    # Only the main thread can be interrupted, and only by a signal.
                    os.kill(os.getpid(), signal.SIGUSR1)
                    return

        threading.Thread(target=ask, daemon=True).start()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number != signal.SIGUSR1:
            self._why = self._why or f"{signal.Signals(number).name} was received"
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._why and not self._masked and not self._raised:
            self._raised = True
            raise Aborted(self._why)


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.1) -> bool:
    """Poll a condition until it holds; returns whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True
