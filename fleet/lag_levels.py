"""How bad a backlog is: four levels, and no flicker between two of them."""

from enum import IntEnum

from blueprint.fleet_options import (
    CRITICAL_LAG_RECORDS,
    EMERGENCY_LAG_RECORDS,
    WARNING_LAG_RECORDS,
)

#: A level is left downwards only below this part of where it begins.
LEAVE_PART = 0.8


class Level(IntEnum):
    """Rule 5 of the practices; each value is worse than the one before."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2
    EMERGENCY = 3

    @property
    def title(self) -> str:
        """As it is shown and written."""
        return self.name.lower()

    @property
    def advice(self) -> str:
        """What the practices say to do at it."""
        return _ADVICE[self]


_ADVICE = {
    Level.NORMAL: "nothing",
    Level.WARNING: "prepare to scale",
    Level.CRITICAL: "scale now",
    Level.EMERGENCY: "catch up: the essential alone",
}
#: The lowest lag of each level, in records: Warning from 10,000, Critical from 100,000, Emergency
#: above 1,000,000.
BEGINS = {
    Level.NORMAL: 0,
    Level.WARNING: WARNING_LAG_RECORDS,
    Level.CRITICAL: CRITICAL_LAG_RECORDS,
    Level.EMERGENCY: EMERGENCY_LAG_RECORDS + 1,
}


def level_of(lag_records: int) -> Level:
    """The level of a lag that nothing is known of before."""
    return max(level for level, begins in BEGINS.items() if lag_records >= begins)


def level_after(before: Level, lag_records: int) -> Level:
    """The level of a lag, after another level: up at once, down only well below where it begins."""
    reached = level_of(lag_records)
    if reached >= before:
        return reached
    left = (level for level in Level if reached < level <= before)
    kept = [level for level in left if lag_records >= LEAVE_PART * BEGINS[level]]
    return max(kept, default=reached)
