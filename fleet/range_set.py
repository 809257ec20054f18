"""A set of offsets as ranges: what millions of them cost is the number of ranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from fleet.watermark import Range


class RangeSet:
    """Offsets, kept as ranges in rising order that neither touch nor overlap."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        """Begin with some ranges, in any order."""
        self._firsts: list[int] = []
        self._ends: list[int] = []
        for first, end in ranges:
            self.add(first, end)

    def __iter__(self) -> Iterator[Range]:
        return map(Range, list(self._firsts), list(self._ends))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __contains__(self, offset: int) -> bool:
        index = bisect_right(self._firsts, offset) - 1
        return index >= 0 and offset < self._ends[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def count(self) -> int:
        """How many offsets."""
        return sum(self._ends) - sum(self._firsts)

    def add(self, first: int, end: int) -> None:
        """Put offsets in."""
        if end <= first:
            return
        low, high = bisect_left(self._ends, first), bisect_right(self._firsts, end)
        if low < high:
            first, end = min(first, self._firsts[low]), max(end, self._ends[high - 1])
        self._firsts[low:high], self._ends[low:high] = [first], [end]

    def remove(self, first: int, end: int) -> None:
        """Take offsets out; those that are not in it are no matter."""
        if end <= first:
            return
        low, high = bisect_right(self._ends, first), bisect_left(self._firsts, end)
        if low >= high:
            return
        left = [(self._firsts[low], first)] if self._firsts[low] < first else []
        right = [(end, self._ends[high - 1])] if self._ends[high - 1] > end else []
        kept = left + right
        self._firsts[low:high] = [found for found, _ in kept]
        self._ends[low:high] = [found for _, found in kept]

    def within(self, first: int, end: int) -> "RangeSet":
        """Those of its offsets that lie in a range."""
        found = RangeSet()
        low, high = bisect_right(self._ends, first), bisect_left(self._firsts, end)
        found._firsts, found._ends = self._firsts[low:high], self._ends[low:high]
        if found._firsts:
            found._firsts[0] = max(first, found._firsts[0])
            found._ends[-1] = min(end, found._ends[-1])
        return found

    def common(self, others: Iterable[Range]) -> "RangeSet":
        """Those of its offsets that lie in any of some ranges."""
        found = RangeSet()
        for first, end in others:
            for part in self.within(first, end):
                found.add(*part)
        return found

    def without(self, others: Iterable[Range]) -> "RangeSet":
        """Those of its offsets that lie in none of some ranges."""
        found = RangeSet(self)
        for first, end in others:
            found.remove(first, end)
        return found

    def gaps(self) -> list[Range]:
        """What lies between its ranges."""
        return [Range(end, first) for end, first in zip(self._ends, self._firsts[1:], strict=False)]
