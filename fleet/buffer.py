"""A producer's bounded buffer: what may be waiting, and what happens to a record beyond that."""

from dataclasses import dataclass
from enum import StrEnum


class FullPolicy(StrEnum):
    """What becomes of a record for which there is no room."""

    BLOCK = "block"
    SHED = "shed"
    SPILL = "spill"


class BufferState(StrEnum):
    """What the buffer is at, for everyone to see.

    ``SPILLING`` lasts until everything spilled is acknowledged: newer records stay behind it.
    """

    FLOWING = "flowing"
    FULL = "full"
    SPILLING = "spilling"


class Admission(StrEnum):
    """What to do with one record."""

    SEND = "send"
    WAIT = "wait"
    SHED = "shed"
    SPILL = "spill"


@dataclass(frozen=True, slots=True)
class BufferBounds:
    """How much may be sent and not acknowledged.

    Attributes:
        records: At most so many.
        bytes: At most so many of keys and values; a single larger record is taken when alone.
        reopen: The part of either below which a full buffer counts as flowing again.
    """

    records: int = 100_000
    bytes: int = 64 << 20
    reopen: float = 0.8


class Buffer:
    """Counts what is under way and decides; its user sees to it that only one thread calls."""

    def __init__(self, bounds: BufferBounds, policy: FullPolicy, spilled: int = 0) -> None:
        """Begin empty, with so many records on disk."""
        self.bounds, self.policy = bounds, policy
        self.state = BufferState.SPILLING if spilled else BufferState.FLOWING
        self.records = self.bytes = 0

    def admit(self, size: int, spilled: int) -> Admission:
        """What to do with a record of a size, while so many are on disk before it."""
        if self.policy is FullPolicy.SPILL and (spilled or not self.fits(size)):
            self.state = BufferState.SPILLING
            return Admission.SPILL
        blocking = self.policy is FullPolicy.BLOCK
        # Who waits is woken when it flows again; nobody may pass him by until then.
        passing = blocking and self.records and self.state is BufferState.FULL
        if self.fits(size) and not passing:
            return Admission.SEND
        self.state = BufferState.FULL
        return Admission.WAIT if blocking else Admission.SHED

    def fits(self, size: int) -> bool:
        """Whether there is room for one more record of a size."""
        if not self.records:
            return True
        return self.records < self.bounds.records and self.bytes + size <= self.bounds.bytes

    def sent(self, size: int) -> None:
        """A record is under way."""
        self.records += 1
        self.bytes += size

    def ended(self, size: int, spilled: int) -> bool:
        """A record is under way no longer; says whether the buffer flows again by it."""
        self.records -= 1
        self.bytes -= size
        return self.settle(spilled)

    def settle(self, spilled: int) -> bool:
        """See whether the buffer flows again; so many records are on disk."""
        if self.state is BufferState.FLOWING or spilled:
            return False
        part, bounds = self.bounds.reopen, self.bounds
        if self.records > bounds.records * part or self.bytes > bounds.bytes * part:
            return False
        self.state = BufferState.FLOWING
        return True
