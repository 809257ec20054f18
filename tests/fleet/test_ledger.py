"""What is put off is owed until it is done: no more, no less, whatever happens to members."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.done_ranges import decode
from fleet.leases import Leases, Start
from fleet.ledger import Begun, Entry, Ledger, PutOff, Replayed, entry_of, to_text
from fleet.notes import Notes
from fleet.range_set import RangeSet
from fleet.record import Partition
from fleet.watermark import SPARSE_WIDTH, Mark, Range, Span, Watermark

PLACE = Partition("t", 3)
SMALL, RECORDS = 60, 40
some_range = st.tuples(st.integers(0, SMALL), st.integers(0, 20)).map(
    lambda pair: Range(pair[0], pair[0] + pair[1])
)
ranges = st.lists(some_range, max_size=12)


def offsets(found: RangeSet) -> set[int]:
    """One by one."""
    return {offset for first, end in found for offset in range(first, end)}


@given(st.lists(st.tuples(st.booleans(), some_range)), some_range, ranges)
def test_a_range_set_is_a_set(
    steps: list[tuple[bool, Range]], window: Range, others: list[Range]
) -> None:
    """Of offsets, kept as ranges that do not touch."""
    found, model = RangeSet(), set[int]()
    for puts, part in steps:
        if puts:
            found.add(*part)
            model |= set(range(*part))
        else:
            found.remove(*part)
            model -= set(range(*part))
    listed = list(found)
    assert offsets(found) == model
    assert all(left.end < right.first for left, right in pairwise(listed))
    assert found.count() == len(model)
    assert bool(found) == bool(model)
    assert all((n in found) == (n in model) for n in range(2 * SMALL))
    assert offsets(found.within(*window)) == model & set(range(*window))
    other = {n for part in others for n in range(*part)}
    assert offsets(found.common(others)) == model & other
    assert offsets(found.without(others)) == model - other
    gaps = {n for part in found.gaps() for n in range(*part)}
    assert gaps == (set(range(min(model), max(model) + 1)) - model if model else set())


@given(ranges, ranges, st.integers(0, 1 << 60))
def test_entries_are_read_back_as_they_were_written(
    first: list[Range], second: list[Range], position: int
) -> None:
    """In a form whose size follows the number of ranges."""
    left, right = tuple(RangeSet(first)), tuple(RangeSet(second))
    for entry in (
        Begun(PLACE, "a-1", position, left),
        PutOff(PLACE, "a-1", left, right),
        Replayed(PLACE, left),
    ):
        assert entry_of(to_text(entry)) == entry


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"v": 2}', '{"v": 1}', '{"v": 1, "topic": "t", "partition": 0}', "nonsense"],
)
def test_what_is_no_entry_is_refused(text: str) -> None:
    """Never taken for nothing: it may be what is owed."""
    assert_refused(text)
    broken = '{"v": 1, "topic": "t", "partition": 0, "replayed": "%s"}'
    for packed in ("AAAA", "====", "eJw="):
        assert_refused(broken % packed)


def assert_refused(text: str) -> None:
    """By what any broken text is refused by."""
    with pytest.raises(ValueError, match=r"."):
        entry_of(text)


def test_a_million_records_put_off_in_turn_are_small() -> None:
    """Deferred and skipped by turns, the worst there is, is some bits a record."""
    deferred = tuple(Range(n, n + 1) for n in range(0, 200_000, 2))
    skipped = tuple(Range(n, n + 1) for n in range(1, 200_000, 2))
    assert len(to_text(PutOff(PLACE, "a-1", deferred, skipped))) < 200_000
    assert len(to_text(PutOff(PLACE, "a-1", (Range(0, 10**6),)))) < 200


@given(
    st.lists(st.sampled_from([1, 1, 1, 3, 5 * SPARSE_WIDTH]), min_size=1, max_size=40),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.data(),
)
def test_what_a_commit_passes_is_done_in_full_or_put_off(
    gaps: list[int], sizes: list[int], data: st.DataObject
) -> None:
    """The union is everything below the commit, and nothing is in two of them."""
    places, at = [], 10
    for gap in gaps:
        places.append(at)
        at += gap
    watermark = Watermark(10)
    watermark.keeps = True
    marks = {o: data.draw(st.sampled_from([0, 1, 2, 3])) for o in places}
    spans: dict[int, Span] = {}
    left = places
    while left:
        size = sizes[len(spans) % len(sizes)]
        spans |= dict.fromkeys(left[:size], watermark.deliver(left[:size]))
        left = left[size:]
    for offset in data.draw(st.permutations(places)):
        if marks[offset]:
            spans[offset].marks[offset - spans[offset].first] = marks[offset]
    position = watermark.position()
    assert position is not None
    deferred = offsets(RangeSet(watermark.marked(Mark.DEFERRED, position)))
    skipped = offsets(RangeSet(watermark.marked(Mark.SKIPPED, position)))
    passed = {o for o in places if o < position}
    full = {o for o in passed if marks[o] == Mark.DONE}
    assert not deferred & skipped
    assert full | deferred | skipped == passed
    assert not full & (deferred | skipped)
    above = RangeSet(watermark.done_above(position))
    assert all((o in above) == bool(marks[o]) for o in places if o >= position)
    watermark.forget(position)
    rest = offsets(RangeSet(watermark.marked(Mark.DEFERRED, places[-1] + 1)))
    assert {o for o in places if o >= position and marks[o] == 2} <= rest


class Life:
    """Members that come, put off, commit, are killed, and replays that may be killed too."""

    def __init__(self, draw: random.Random) -> None:
        """One partition of a few records."""
        self.draw = draw
        self.journal: list[Entry] = []
        self.committed, self.metadata = 0, ""
        self.essential, self.rest = [0] * RECORDS, [0] * RECORDS
        self.number = 0
        self.new_member()

    def new_member(self) -> None:
        """Begin where the group stands."""
        self.number += 1
        self.notes = Notes(f"m{self.number}")
        self.leases = Leases(keeps=True)
        kept = tuple(decode(self.committed, self.metadata))
        (self.lease,) = self.leases.grant({PLACE: Start(self.committed, kept)}, 0.0)
        self.mark = self.lease.watermark
        self.spans: dict[int, Span] = {}

    def read(self) -> None:
        """Records are handed out."""
        at = self.mark.delivered_end
        end = min(RECORDS, at + self.draw.randint(1, 9))
        found = self.mark.unseen(range(at, end))
        if found:
            self.spans |= dict.fromkeys(found, self.mark.deliver(found))
        self.mark.skip_to(end)

    def handle(self) -> None:
        """Some of them are handled, in full or not; the lowest may be left for later."""
        leave, count = self.draw.choice([0, 0, 1, 2]), self.draw.randint(1, 6)
        for offset in sorted(self.spans)[leave : leave + count]:
            how = self.draw.choice([Mark.DONE, Mark.DEFERRED, Mark.SKIPPED])
            span = self.spans.pop(offset)
            self.essential[offset] += how is not Mark.SKIPPED
            self.rest[offset] += how is Mark.DONE
            span.marks[offset - span.first] = how

    def commit(self) -> None:
        """Written down first; whether that, and the commit, then arrive is another matter."""
        for made in self.leases.commits():
            entries = self.notes.entries(self.lease, made)
            fate = self.draw.choice(["refused", "unknown", "written", "made", "made", "made"])
            if fate != "refused":
                self.journal += entries
            if fate in ("written", "made"):
                self.notes.written(self.lease, made)
            if fate == "made":
                self.committed, self.metadata = made.offset, made.metadata
                self.leases.confirmed(made)
            else:
                self.leases.refused(made)

    def follow(self) -> None:
        """Another member goes on; what the dead one still had under way may arrive late."""
        notes, lease, leases = self.notes, self.lease, self.leases
        self.new_member()
        if self.draw.random() < 0.5:
            self.commit()
            late = [e for made in leases.commits() for e in notes.entries(lease, made)]
            if self.journal and isinstance(self.journal[-1], Begun | PutOff):
                self.journal += [e for e in late if isinstance(e, PutOff)]
        # What is handed out anew is handled anew: what was done of it before is repeated.
        for offset in range(self.committed, RECORDS):
            if offset not in RangeSet(self.mark.kept):
                self.essential[offset] = self.rest[offset] = 0

    def replay(self) -> None:
        """What is owed is done, or some of it."""
        owed = self.ledger().owed(PLACE, self.committed)
        due = sorted(offsets(owed.every()))
        done = due[: self.draw.choice([len(due), len(due) // 2])]
        for offset in done:
            self.rest[offset] += 1
            self.essential[offset] += offset in owed.skipped
        self.journal.append(Replayed(PLACE, tuple(RangeSet(Range(o, o + 1) for o in done))))

    def ledger(self) -> Ledger:
        """As a replay reads it."""
        found = Ledger()
        for entry in self.journal:
            found.take(entry)
        return found

    def check(self) -> None:
        """Each part of each committed record is done once, or owed; never both, never neither."""
        owed = self.ledger().owed(PLACE, self.committed)
        for offset in range(self.committed):
            essential = self.essential[offset] + (offset in owed.skipped)
            rest = self.rest[offset] + (offset in owed.every())
            assert (essential, rest) == (1, 1), f"{offset}: {self.journal}"


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1 << 40))
def test_done_and_owed_is_everything_that_is_committed(seed: int) -> None:
    """Whoever is killed when, whatever arrives late, is refused, or may or may not have arrived."""
    draw = random.Random(seed)
    life = Life(draw)
    steps = [life.read, life.handle, life.handle, life.commit, life.commit, life.replay]
    for _ in range(40):
        step = life.follow if draw.random() < 0.12 else draw.choice(steps)
        step()
        life.check()
