"""How a figure moves over a window: a slope that outliers do not bend, and whether it is one.

The slope is the median of the slopes between all pairs of samples (Theil and Sen): up to 29 % of
the samples may be wrong without moving it far. Whether there is a trend at all is asked of the
order alone (Mann and Kendall): how many pairs rise, against how many would by chance.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import NamedTuple

#: Three in a hundred thousand windows without a trend look this much like a rise: there is one a
#: second, and nobody trusts an alarm that is wrong once a week.
TREND_Z = 4.0
#: A window's pairs are all looked at: 780 of 40 samples.
MOST_SAMPLES = 40


class Sample(NamedTuple):
    """A figure at a time."""

    at_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """What a window says.

    Attributes:
        per_s: The slope.
        z: Standard deviations from what chance makes of it; beyond ``TREND_Z`` it rises.
        span_s: From the first sample to the last.
    """

    per_s: float
    z: float
    span_s: float

    @property
    def rises(self) -> bool:
        """Whether the figure really grows."""
        return self.z >= TREND_Z and self.per_s > 0


FLAT = Trend(0.0, 0.0, 0.0)


def trend_of(samples: Sequence[Sample]) -> Trend:
    """The trend of samples in rising order of time; flat while there are fewer than two."""
    if len(samples) < 2:
        return FLAT
    pairs = [(right.at_s - left.at_s, right.value - left.value) for left, right in _pairs(samples)]
    score = sum((rise > 0) - (rise < 0) for _, rise in pairs)
    per_s = median(rise / run_s for run_s, rise in pairs)
    return Trend(per_s, _z(score, len(samples)), samples[-1].at_s - samples[0].at_s)


class Window:
    """The samples of the last ``window_s``, at most ``MOST_SAMPLES`` of them, evenly apart."""

    def __init__(self, window_s: float) -> None:
        """Begin empty."""
        self._window_s = window_s
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        """Take a sample, unless one was taken just before; time never goes back."""
        last = self._samples[-1] if self._samples else None
        if last is None or sample.at_s - last.at_s >= self._window_s / MOST_SAMPLES:
            self._samples.append(sample)
        while self._samples[-1].at_s - self._samples[0].at_s > self._window_s:
            self._samples.popleft()

    def clear(self) -> None:
        """Forget everything: what is sampled is not the same any more."""
        self._samples.clear()

    def trend(self) -> Trend:
        """What they say."""
        return trend_of(list(self._samples))


def _pairs(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    return [(a, b) for a, b in combinations(samples, 2) if b.at_s > a.at_s]


def _z(score: int, count: int) -> float:
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    # One less than the score: it is a whole number, the distribution it is held against is not.
    return (score - (score > 0) + (score < 0)) / spread
