"""How far a partition is done: the offset below which every record was handled.

Lanes mark single bytes, one writer each, and the polling thread reads them; so no lock is needed
and a record costs one assignment. What was never in the log (compaction, markers of transactions)
counts as done.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

#: Wider than this, and with fewer records than an eighth of it, a stretch is kept as a set.
SPARSE_WIDTH = 65_536
_SPARSENESS = 8


class Range(NamedTuple):
    """Offsets from ``first`` up to and without ``end``."""

    first: int
    end: int


class Mark(IntEnum):
    """What a span's byte says of a record; whatever is not undone may be passed by a commit."""

    UNDONE = 0
    DONE = 1
    #: Its essential part is done, the rest is put off.
    DEFERRED = 2
    #: All of it is put off.
    SKIPPED = 3


#: Makes every mark but 0 a 1.
_PASSED = bytes([0]) + bytes([1]) * 255


class SparseMarks:
    """Marks of a stretch that is mostly holes; a stand-in for a bytearray of its width."""

    def __init__(self, missing: Iterable[int]) -> None:
        """Begin with what is not done, relative to the stretch's first offset."""
        self._missing = set(missing)
        self._put_off: dict[int, int] = {}

    def __setitem__(self, index: int, mark: int) -> None:
        if mark > Mark.DONE:
            self._put_off[index] = mark
        self._missing.discard(index)

    def undone(self) -> list[int]:
        """What is not done, in order."""
        # A copy first: lanes go on marking while it is sorted.
        return sorted(self._missing.copy())

    def marked(self, mark: Mark) -> list[int]:
        """What has one of the later marks, in order."""
        return sorted(index for index, found in self._put_off.copy().items() if found == mark)


class Span:
    """A stretch of one partition that was read at once.

    Attributes:
        watermark: Whose stretch it is; closed once the partition is another member's.
        first: The offset of ``marks[0]``.
        end: One beyond the last offset.
        marks: A lane sets ``marks[offset - first] = 1`` once a record is done for good, or another
            ``Mark`` once as much of it is as will be for now.
    """

    __slots__ = ("end", "first", "marks", "watermark")

    def __init__(self, watermark: "Watermark", offsets: Sequence[int]) -> None:
        """Take offsets in rising order; none of them is done."""
        self.watermark, self.first, self.end = watermark, offsets[0], offsets[-1] + 1
        width = self.end - self.first
        self.marks: bytearray | SparseMarks
        if width == len(offsets):
            self.marks = bytearray(width)
        elif width > SPARSE_WIDTH and width > _SPARSENESS * len(offsets):
            self.marks = SparseMarks(offset - self.first for offset in offsets)
        else:
            self.marks = bytearray(b"\1") * width
            for offset in offsets:
                self.marks[offset - self.first] = 0

    def first_undone(self) -> int | None:
        """The lowest offset that is not done."""
        if isinstance(self.marks, SparseMarks):
            undone = self.marks.undone()
            return self.first + undone[0] if undone else None
        found = self.marks.find(0)
        return None if found < 0 else self.first + found

    def done(self) -> list[Range]:
        """What is not undone, as ranges in rising order; one moment's truth."""
        if isinstance(self.marks, SparseMarks):
            return _between(self.first, self.end, self.marks.undone())
        return _ones(self.first, bytes(self.marks).translate(_PASSED))

    def marked(self, mark: Mark) -> list[Range]:
        """What is deferred or skipped, as ranges in rising order."""
        if isinstance(self.marks, SparseMarks):
            found = self.marks.marked(mark)
            return _joined(Range(self.first + n, self.first + n + 1) for n in found)
        if mark not in self.marks:
            return []
        return _ones(self.first, bytes(self.marks).translate(_ONLY[mark]))


class Watermark:
    """One partition's progress while one member has it.

    Attributes:
        open: Whether its records may still be handed to a handler.
        begun: Its first position.
        kept: What was done above that before.
        keeps: Whether spans that are done are kept until ``forget``: of a fleet that puts work off.
    """

    __slots__ = (
        *("_done", "_kept", "_position", "_spans"),
        *("begun", "delivered_end", "keeps", "kept", "open"),
    )

    def __init__(self, position: int | None, done: Sequence[Range] = ()) -> None:
        """Begin at a committed position.

        Args:
            position: The next offset to be read; None until the first record shows it.
            done: Ranges above it that an earlier member has done.
        """
        self.open, self.keeps = True, False
        self.begun, self.kept = position, tuple(done)
        self._kept: list[Span] = []
        self.delivered_end = position if position is not None else 0
        self._position = position
        self._done = list(done) if position is not None else []
        self._spans: deque[Span] = deque()

    def unseen(self, offsets: Iterable[int]) -> list[int]:
        """Those of some rising offsets that are neither handed out already nor done before."""
        return [o for o in offsets if o >= self.delivered_end and not self._known(o)]

    def remembers(self, offset: int) -> bool:
        """Whether ranges that an earlier member has done reach as far as an offset."""
        return bool(self._done) and self._done[-1].end > offset

    def deliver(self, offsets: Sequence[int]) -> Span:
        """Hand out a stretch: rising offsets, each at or above ``delivered_end``.

        Raises:
            ValueError: Something in it was handed out before.
        """
        if offsets[0] < self.delivered_end:
            raise ValueError(f"offset {offsets[0]} was handed out already")
        if self._position is None:
            self._position = offsets[0]
        span = Span(self, offsets)
        self._spans.append(span)
        self.delivered_end = span.end
        return span

    def skip_to(self, end: int) -> None:
        """Count what lies below ``end`` and was not handed out as done."""
        self.delivered_end = max(self.delivered_end, end)
        if self._position is None:
            self._position = end

    def position(self) -> int | None:
        """The offset to commit: every record below it is done; None while nothing was read."""
        while self._spans:
            undone = self._spans[0].first_undone()
            if undone is not None:
                self._position = undone
                return undone
            span = self._spans.popleft()
            if self.keeps:
                self._kept.append(span)
        if self._position is not None:
            self._position = max(self._position, self.delivered_end)
        return self._position

    def done_above(self, position: int) -> list[Range]:
        """What is done at or above a position, in rising order, not joined where it touches."""
        found = [r for span in self._spans for r in span.done()]
        found += [r for r in self._done if r.end > position]
        return _joined(Range(max(r.first, position), r.end) for r in sorted(found))

    def marked(self, mark: Mark, end: int) -> list[Range]:
        """What is deferred or skipped below ``end`` and was not forgotten, in rising order."""
        spans = (span for span in (*self._kept, *self._spans) if span.first < end)
        found = (Range(r.first, min(r.end, end)) for span in spans for r in span.marked(mark))
        return _joined(found)

    def forget(self, position: int) -> None:
        """What is below a position was written down."""
        self._kept = [span for span in self._kept if span.end > position]

    def close(self) -> None:
        """Let no handler begin with another of its records."""
        self.open = False

    def _known(self, offset: int) -> bool:
        index = bisect_right(self._done, (offset, float("inf"))) - 1
        return index >= 0 and offset < self._done[index].end


#: For a mark: makes it a 1 and every other a 0.
_ONLY = {mark: bytes(int(n == mark) for n in range(256)) for mark in Mark}


def _ones(first: int, marks: bytes) -> list[Range]:
    ranges, at = [], marks.find(1)
    while at >= 0:
        end = marks.find(0, at)
        end = len(marks) if end < 0 else end
        ranges.append(Range(first + at, first + end))
        at = marks.find(1, end)
    return ranges


def _between(first: int, end: int, missing: Iterable[int]) -> list[Range]:
    ranges, at = [], first
    for index in missing:
        if first + index > at:
            ranges.append(Range(at, first + index))
        at = first + index + 1
    if at < end:
        ranges.append(Range(at, end))
    return ranges


def _joined(ranges: Iterable[Range]) -> list[Range]:
    joined: list[Range] = []
    for found in ranges:
        if joined and found.first <= joined[-1].end:
            joined[-1] = Range(joined[-1].first, max(joined[-1].end, found.end))
        elif found.end > found.first:
            joined.append(found)
    return joined
