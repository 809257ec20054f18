"""Work of a given length; what it costs beside is made up for: a capacity is what it says."""

import threading
import time
from collections.abc import Callable

#: A thread that comes late by no more than this makes up for it; beyond it, it was idle.
SLACK_S = 0.25


class Pace:
    """One thread's work, one piece after the other.

    A handler that sleeps for 40 ms is at a record for longer: its thread has to be woken, rows have
    to be written. A fleet made of such handlers has less capacity than was meant, by some percent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._clock = clock
        self._done_s = clock()

    def ahead_s(self, work_s: float) -> float:
        """How long to wait until one more piece of work is done."""
        now_s = self._clock()
        self._done_s = max(self._done_s, now_s - SLACK_S) + work_s
        return max(0.0, self._done_s - now_s)


class Paces:
    """A pace for each thread that asks."""

    def __init__(self) -> None:
        """Begin with none."""
        self._own = threading.local()

    def work(self, work_s: float) -> None:
        """Be at work for so long."""
        if work_s <= 0:
            return
        pace: Pace | None = getattr(self._own, "pace", None)
        if pace is None:
            pace = self._own.pace = Pace()
        time.sleep(pace.ahead_s(work_s))
