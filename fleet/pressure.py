"""When to stop taking records: bounds on what is in flight, with hysteresis.

Short fullness is waited out, since a paused partition throws away what was fetched ahead; a pause
comes only when the wait gets long, and polling goes on through it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Flow(StrEnum):
    """What the polling thread does next."""

    OPEN = "open"
    HOLDING = "holding"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Load:
    """What was read and is not done."""

    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be in flight.

    Attributes:
        records: At most so many, and one of each partition that was not read from before.
        bytes: No more are taken once there are so many; one poll's worth may lie above.
        reopen: The part of either below which taking begins again.
        pause_after_s: How long fullness is waited out before partitions are paused.
    """

    records: int
    bytes: int
    reopen: float = 0.5
    pause_after_s: float = 0.25


class Gate:
    """Decides by load and time alone."""

    def __init__(self, bounds: Bounds) -> None:
        """Begin open."""
        self.bounds = bounds
        self.flow = Flow.OPEN
        self._full_since_s = 0.0

    def decide(self, load: Load, now_s: float) -> Flow:
        """What to do with this load at this time (monotonic seconds)."""
        if self.flow is Flow.OPEN:
            if self._full(load):
                self.flow, self._full_since_s = Flow.HOLDING, now_s
        elif self._low(load):
            self.flow = Flow.OPEN
        elif now_s - self._full_since_s >= self.bounds.pause_after_s:
            self.flow = Flow.PAUSED
        return self.flow

    def room(self, load: Load, record_bytes: float) -> int:
        """How many more records of a mean size may be asked for; 0 when closed."""
        if self.flow is not Flow.OPEN:
            return 0
        by_bytes = (self.bounds.bytes - load.bytes) / max(record_bytes, 1.0)
        return max(1, min(self.bounds.records - load.records, int(by_bytes)))

    def _full(self, load: Load) -> bool:
        return load.records >= self.bounds.records or load.bytes >= self.bounds.bytes

    def _low(self, load: Load) -> bool:
        part, bounds = self.bounds.reopen, self.bounds
        return load.records <= bounds.records * part and load.bytes <= bounds.bytes * part
