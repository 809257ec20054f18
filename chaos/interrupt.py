"""Ends a run at any point: signals and abort conditions raise in the main thread, heals do not."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_TICK_S = 0.2
#: Long against the way from a raise to the next mask, short against the ten seconds of an abort.
_AGAIN_S = 1.0


class Aborted(BaseException):
    """The run is to end now and its fault is to be lifted.

    Like KeyboardInterrupt no mere ``Exception``: it comes at any point, also inside of a library
    that takes whatever is raised for a failure of its own.
    """


class Interrupts:
    """Turns SIGINT, SIGTERM, SIGHUP and the watchdog's word into ``Aborted`` in the main thread.

    A signal can reach another thread, and an exception can be swallowed where nobody may raise (in
    a finaliser): so it is raised again, until the run has begun to lift its fault or to end.
    """

    def __init__(self) -> None:
        """Masked, until the run says that it can end properly."""
        self._why = ""
        self._masked = True
        self._raised_s = -math.inf
        self._stop = threading.Event()
        self._due: Callable[[], str] | None = None

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Catch signals; the former handlers come back at the end."""
        names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
        before = {name: signal.signal(name, self._on_signal) for name in names}
        watchdog = threading.Thread(target=self._watch, daemon=True)
        watchdog.start()
        try:
            yield
        finally:
            self.finish()
            watchdog.join()
            for name, handler in before.items():
                signal.signal(name, handler)

    def mask(self) -> None:
        """From here on let everything come to its end; an abort waits."""
        self._masked = True

    def unmask(self) -> None:
        """Interruptible again; an abort that waited is raised now."""
        self._masked = False
        self._raise_if_due()

    def finish(self) -> None:
        """From here on nothing interrupts: the run ends and cleans up."""
        self._masked = True
        self._stop.set()

    def watch(self, due: Callable[[], str]) -> None:
        """Ask ``due`` a few times a second, in a thread, until it names a reason to abort."""
        self._due = due

    def _watch(self) -> None:
        main = threading.main_thread().ident
        while not self._stop.wait(_TICK_S):
            if not self._why and self._due is not None:
                self._why = self._due()
            if self._why and not self._masked and main is not None:
                # Only the main thread can be interrupted, and only by a signal of its own.
                signal.pthread_kill(main, signal.SIGUSR1)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number != signal.SIGUSR1:
            self._why = self._why or f"{signal.Signals(number).name} was received"
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        now_s = time.monotonic()
        if self._why and not self._masked and now_s - self._raised_s > _AGAIN_S:
            self._raised_s = now_s
            raise Aborted(self._why)


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.1) -> bool:
    """Poll a condition until it holds; returns whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True
