"""A handler in two parts, in lanes of both kinds: marks say what was done, order per key holds."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from blueprint.problem import BadInput
from fleet.crew import Crew, figures, finished
from fleet.dealing import Dealer, runs_of
from fleet.keys import checked, is_async
from fleet.lane import Buried, LaneRules
from fleet.leases import Leases, Start
from fleet.member import crew_of
from fleet.range_set import RangeSet
from fleet.record import Handler, Partition, Record, own_key
from fleet.retries import Poison
from fleet.signals import unheard
from fleet.split import Many, Split, Switch
from fleet.waiting import Cause
from fleet.watermark import Mark
from tests.fleet.test_lanes import SCHEDULE, TIMEOUT_S, WHERE, record, until

RECORDS, KEYS = 400, 20
KINDS = pytest.mark.parametrize("kind", ["threads", "tasks"])
Call = Callable[[Any], object]


class Parts:
    """Writes down what was done of which offset, and fails where it is told to."""

    def __init__(self, kind: str, *, many: bool = False) -> None:
        """Make the handler, plain or ``async``."""
        self.done: Counter[tuple[str, int]] = Counter()
        self.order: dict[bytes | None, list[int]] = defaultdict(list)
        self.batches: list[int] = []
        self.failing: set[tuple[str, int]] = set()
        self.many_fails = False
        wrap: Callable[[Call], Any] = _later if kind == "tasks" else lambda call: call
        self.split = Split(
            essential=cast(Handler, wrap(self.essential)),
            rest=cast(Handler, wrap(lambda r: self.do("rest", r))),
            skippable=lambda r: r.offset() % 4 == 0,
            essential_many=cast(Many, wrap(self.essential_many)) if many else None,
        )

    def do(self, part: str, given: Record) -> None:
        """One part of one record."""
        if (part, given.offset()) in self.failing:
            self.failing.discard((part, given.offset()))
            raise ValueError("not now")
        self.done[part, given.offset()] += 1

    def essential(self, given: Record) -> None:
        """What cannot wait."""
        self.do("essential", given)
        self.order[given.key()].append(given.offset())

    def essential_many(self, given: Sequence[Record]) -> None:
        """All or nothing."""
        if self.many_fails:
            raise ValueError("not now")
        self.batches.append(len(given))
        for each in given:
            self.essential(each)


def _later(call: Call) -> Callable[[Any], Awaitable[object]]:
    async def later(given: object) -> object:
        await asyncio.sleep(0)
        return call(given)

    return later


class Bench:
    """A crew for one partition."""

    def __init__(self, parts: Parts) -> None:
        """Begin."""
        self.switch = Switch()
        rules = LaneRules(
            *(own_key, WHERE, SCHEDULE, self.bury, unheard), split=parts.split, switch=self.switch
        )
        self.buried: list[Record] = []
        self.crew: Crew = crew_of(4, rules, parts.split)
        self.leases = Leases(keeps=True)
        (self.lease,) = self.leases.grant({Partition("t", 0): Start(0)}, 0.0)
        self.leases.settle()
        self.dealer = Dealer(self.leases, WHERE, lambda place: Partition("t", cast(int, place)))
        self.crew.start()

    def bury(self, given: Record, _: Cause, done: Buried) -> None:
        """Take a dead letter."""
        self.buried.append(given)
        done(None)

    def give(self, first: int, end: int, *, light: bool) -> None:
        """Hand it records and wait until all have ended."""
        records = [record(0, o, f"k{o % KEYS}".encode()) for o in range(first, end)]
        admitted, spans = self.dealer.admit(records)
        self.switch.light = light
        self.crew.give(runs_of(admitted, spans, len(self.crew.lanes), own_key))
        until(lambda: finished(self.crew.lanes).records == end)

    def marked(self, mark: Mark) -> set[int]:
        """The offsets that have a mark."""
        found = RangeSet(self.lease.watermark.marked(mark, RECORDS))
        return {offset for first, end in found for offset in range(first, end)}


@contextmanager
def bench(parts: Parts) -> Iterator[Bench]:
    """A crew that is gone at the end."""
    made = Bench(parts)
    try:
        yield made
    finally:
        assert made.crew.end(TIMEOUT_S) == 0


@KINDS
@pytest.mark.parametrize("many", [False, True])
def test_each_mode_does_its_part_and_says_so(kind: str, many: bool) -> None:
    """Both parts as usual; the essential alone, or nothing of what may be skipped, when light."""
    parts = Parts(kind, many=many)
    with bench(parts) as made:
        made.give(0, 100, light=False)
        made.give(100, RECORDS, light=True)
        counted = figures(made.crew)
        assert made.lease.watermark.position() == RECORDS
        skipped = {o for o in range(100, RECORDS) if o % 4 == 0}
        assert made.marked(Mark.SKIPPED) == skipped
        assert made.marked(Mark.DEFERRED) == set(range(100, RECORDS)) - skipped
        assert (counted.deferred, counted.skipped) == (225, 75)
    assert {o for part, o in parts.done if part == "rest"} == set(range(100))
    assert {o for part, o in parts.done if part == "essential"} == set(range(RECORDS)) - skipped
    assert max(parts.done.values()) == 1
    assert all(order == sorted(order) for order in parts.order.values())
    assert (max(parts.batches, default=0) > 1) is many


@KINDS
@pytest.mark.parametrize("many", [False, True])
def test_what_fails_when_light_is_tried_again_in_full_and_its_key_waits(
    kind: str, many: bool
) -> None:
    """Its mark says that nothing of it is left; records behind it stay behind it."""
    parts = Parts(kind, many=many)
    parts.many_fails = True
    parts.failing = {("essential", 101), ("essential", 205)}
    with bench(parts) as made:
        made.give(0, RECORDS, light=True)
        full = {o for part, o in parts.done if part == "rest"}
        assert {101, 205} <= full
        assert made.marked(Mark.DEFERRED).isdisjoint(full)
        assert made.marked(Mark.SKIPPED).isdisjoint(full)
        whole = full | made.marked(Mark.DEFERRED) | made.marked(Mark.SKIPPED)
        assert whole == set(range(RECORDS))
    assert max(parts.done.values()) == 1
    assert all(order == sorted(order) for order in parts.order.values())


@KINDS
def test_what_can_never_be_done_becomes_a_dead_letter_and_is_not_owed(kind: str) -> None:
    """As in any other mode."""
    parts = Parts(kind)

    def poison(given: Record) -> object:
        if given.offset() == 7:
            raise Poison("never")
        parts.essential(given)
        return None

    essential = _later(poison) if kind == "tasks" else poison
    parts.split.essential = cast(Handler, essential)
    with bench(parts) as made:
        made.give(0, 100, light=True)
        assert [r.offset() for r in made.buried] == [7]
        assert 7 not in made.marked(Mark.DEFERRED)


@KINDS
def test_a_partition_that_is_taken_away_is_left_alone(kind: str) -> None:
    """Nothing is marked that another member will do."""
    parts = Parts(kind, many=True)
    with bench(parts) as made:
        made.give(0, 10, light=True)
        records = [record(0, o, b"k") for o in range(10, 20)]
        admitted, spans = made.dealer.admit(records)
        made.lease.watermark.close()
        made.crew.give(runs_of(admitted, spans, len(made.crew.lanes), own_key))
        until(lambda: finished(made.crew.lanes).records == 20)
        assert made.lease.watermark.position() == 10
    assert all(offset < 10 for _, offset in parts.done)


def test_parts_that_do_not_fit_are_refused() -> None:
    """Plain and async, or none that can be called."""

    async def later(_: Record) -> None:
        """Async."""

    def plain(_: Record) -> None:
        """Plain."""

    with pytest.raises(BadInput, match="all plain or all async"):
        Split(essential=later, rest=plain)
    with pytest.raises(BadInput, match="rest: got 3"):
        Split(essential=plain, rest=cast(Handler, 3))
    with pytest.raises(BadInput, match="skippable: got async"):
        Split(essential=plain, rest=plain, skippable=cast(Callable[[Record], bool], later))
    assert is_async(Split(essential=later, rest=later))
    assert not is_async(Split(essential=plain, rest=plain))


def test_a_part_that_returns_something_ends_there() -> None:
    """The rest is not done; with a key function the parts are still two."""
    done: list[str] = []
    split = Split(essential=lambda _: 3, rest=lambda _: done.append("rest"))
    assert split(record(0, 0, b"k")) == 3
    keyed = checked(own_key, split)
    assert isinstance(keyed, Split)
    assert keyed(record(0, 0, b"k")) == 3
    assert not done
