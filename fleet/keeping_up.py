"""Whether a member keeps up, from what it knows anyway: no broker is asked for it."""

from collections import deque
from collections.abc import Mapping

from blueprint.fleet_options import WARNING_LAG_RECORDS
from fleet.record import Partition

#: A lag that is less than it was so long ago falls.
WINDOW_S = 30.0


class KeepingUp:
    """Told regularly how far each of a member's partitions is behind.

    Attributes:
        good: The lag of all together is normal, or falls.
    """

    def __init__(self) -> None:
        """Begin with nothing known, which is no reason to worry."""
        self.good = True
        self._samples: deque[tuple[float, int]] = deque()
        self._of: frozenset[Partition] = frozenset()

    def look(self, lags: Mapping[Partition, int], now_s: float) -> None:
        """Compare with the looks of the last ``WINDOW_S`` at the same partitions."""
        of, lag = frozenset(lags), sum(lags.values())
        if of != self._of:
            # Sums of other partitions say nothing of these.
            self._of = of
            self._samples.clear()
        self._samples.append((now_s, lag))
        while self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        self.good = lag < WARNING_LAG_RECORDS or lag < self._samples[0][1]
