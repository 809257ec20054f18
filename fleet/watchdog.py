"""Which handlers have been at one record for too long.

It looks at what each lane is at and compares with the last look, so a record costs nothing; the
seconds it says are at least so many, short by one look at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.record import Record


@dataclass(frozen=True, slots=True)
class Hung:
    """A handler that has been at one record for too long.

    Attributes:
        ended: It has come to its end by now, after about so many seconds.
    """

    lane: int
    record: Record
    seconds: float
    ended: bool = False


@dataclass(slots=True)
class _Seen:
    record: Record
    since_s: float
    said_s: float | None = None


class Watchdog:
    """Told regularly what each lane is at."""

    def __init__(self, limit_s: float) -> None:
        """Say what takes longer than ``limit_s``, and again when it has lasted twice as long."""
        self._limit_s = limit_s
        self._seen: dict[int, _Seen] = {}

    @property
    def hanging(self) -> int:
        """Handlers that were too long at one record at the last look."""
        return sum(at.said_s is not None for at in self._seen.values())

    def look(self, handling: Iterable[tuple[int, Record]], now_s: float) -> list[Hung]:
        """Compare with the last look; returns what is to be said now."""
        found: list[Hung] = []
        seen: dict[int, _Seen] = {}
        for lane, record in handling:
            before = self._seen.pop(lane, None)
            if before is not None and before.record is not record:
                found += self._ended(lane, before, now_s)
                before = None
            seen[lane] = before or _Seen(record, now_s)
            found += self._too_long(lane, seen[lane], now_s)
        for lane, before in self._seen.items():
            found += self._ended(lane, before, now_s)
        self._seen = seen
        return found

    def _too_long(self, lane: int, at: _Seen, now_s: float) -> list[Hung]:
        lasted_s = now_s - at.since_s
        if lasted_s < (self._limit_s if at.said_s is None else 2 * at.said_s):
            return []
        at.said_s = lasted_s
        return [Hung(lane, at.record, lasted_s)]

    def _ended(self, lane: int, at: _Seen, now_s: float) -> list[Hung]:
        return [] if at.said_s is None else [Hung(lane, at.record, now_s - at.since_s, ended=True)]
