"""A throughput deficit: found by its slope while the level is still Normal.

A consumer that is 4 % too slow for what arrives looks healthy for minutes and cannot be saved after
hours: at 50,000 events/s it is 7.2 million behind after one. So the slope alarms, not the level.
"""

import math
from dataclasses import dataclass

from blueprint.plan import HEADROOM
from fleet.lag_trend import Trend

#: The deficit that has to be found (rule 7 of the practices), and where the alarm is set for it:
#: an estimate of 4 % is below 4 % half of the time.
RULE_RATIO, ALARM_RATIO, CALM_RATIO = 0.04, 0.02, 0.01
#: A trend is believed once its window is so long, and acted on once it was there for so long.
LEAST_SPAN_S, HOLD_S = 15.0, 5.0


@dataclass(frozen=True, slots=True)
class Flowing:
    """What a group's window says.

    Attributes:
        arriving: Of the ends of its partitions, in records.
        done: Of its committed offsets.
        lag: Of the difference.
    """

    arriving: Trend
    done: Trend
    lag: Trend

    @property
    def deficit_ratio(self) -> float:
        """The part of what arrives that is not kept up with; 0 where it is, 1 where nothing is."""
        if self.arriving.per_s <= 0:
            return 0.0
        return min(1.0, max(0.0, self.lag.per_s / self.arriving.per_s))

    @property
    def known(self) -> bool:
        """Whether the window is long enough to be believed."""
        return self.lag.span_s >= LEAST_SPAN_S


class DeficitAlarm:
    """On once a deficit has lasted, off once it was gone for as long."""

    def __init__(self) -> None:
        """Begin quiet."""
        self.on = False
        self._since_s: float | None = None

    def look(self, flowing: Flowing, now_s: float) -> bool:
        """Whether it is on, after this look."""
        contradicted = self._gone(flowing) if self.on else self._there(flowing)
        if not contradicted:
            self._since_s = None
            return self.on
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s >= HOLD_S:
            self.on, self._since_s = not self.on, None
        return self.on

    @staticmethod
    def _there(flowing: Flowing) -> bool:
        return flowing.known and flowing.lag.rises and flowing.deficit_ratio >= ALARM_RATIO

    @staticmethod
    def _gone(flowing: Flowing) -> bool:
        return not flowing.lag.rises or flowing.deficit_ratio < CALM_RATIO


def instances_for(arriving_per_s: float, per_instance_per_s: float) -> int:
    """How many carry a rate with the blueprint's headroom of 30 %.

    Raises:
        ValueError: An instance does nothing; no number of those is enough.
    """
    if per_instance_per_s <= 0:
        raise ValueError("an instance that does nothing")
    return max(1, math.ceil(arriving_per_s * HEADROOM / per_instance_per_s))


def drain_s(backlog: float, capacity_per_s: float, arriving_per_s: float) -> float | None:
    """Seconds until a backlog is gone; None: never, since no more is done than arrives."""
    if backlog <= 0:
        return 0.0
    spare_per_s = capacity_per_s - arriving_per_s
    return backlog / spare_per_s if spare_per_s > 0 else None
