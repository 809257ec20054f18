"""Lanes of both kinds: order per key is kept whatever fails, and everything handed over ends."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from operator import methodcaller
from typing import cast

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.crew import Crew, finished, handling_of
from fleet.dealing import Dealer, runs_of
from fleet.keys import checked, guarded
from fleet.lane import Buried, LaneRules
from fleet.leases import Leases, Start
from fleet.pressure import Load
from fleet.record import Handler, KeyOf, Partition, Record, own_key
from fleet.retries import Poison, RetrySchedule
from fleet.signals import unheard
from fleet.tasks import TaskCrew
from fleet.threads import ThreadCrew, ThreadLane
from fleet.waiting import Cause

WHERE = methodcaller("partition")
SCHEDULE = RetrySchedule(attempts=3, first_s=0.001, most_s=0.004)
TIMEOUT_S = 20.0


def record(partition: int, offset: int, key: bytes | None, value: bytes = b"v") -> Record:
    """A record as the client gives it."""
    return cast(Record, Message("t", partition, offset, key, value, timestamp=(1, 0)))


class Bench:
    """A crew with leases and a burial ground, without any cluster."""

    def __init__(self, kind: str, handler: Callable[[Record], object], lanes: int = 4) -> None:
        """Make it; the handler is a plain function for both kinds."""
        self.buried: list[tuple[Record, Cause]] = []
        self.key_of: KeyOf = own_key
        self.burial_failures = 0
        rules = LaneRules(own_key, WHERE, SCHEDULE, self.bury, unheard, letter_retry_s=0.01)
        self.crew: Crew
        if kind == "threads":
            self.crew = ThreadCrew(lanes, rules, handler)
        else:

            async def later(given: Record) -> object:
                await asyncio.sleep(0)
                return handler(given)

            self.crew = TaskCrew(lanes, rules, later)
        self.leases = Leases()
        self.dealer = Dealer(self.leases, WHERE, lambda place: Partition("t", cast(int, place)))
        self.given = Load(0, 0)
        self.crew.start()

    def bury(self, given: Record, cause: Cause, done: Buried) -> None:
        """Take a dead letter, or fail at it as often as was asked for."""
        if self.burial_failures:
            self.burial_failures -= 1
            threading.Thread(target=done, args=("no broker",)).start()
            return
        self.buried.append((given, cause))
        threading.Thread(target=done, args=(None,)).start()

    def assign(self, *partitions: int) -> None:
        """Give it partitions from their beginning."""
        self.leases.grant({Partition("t", p): Start(0) for p in partitions}, 0.0)
        self.leases.settle()

    def give(self, records: Sequence[Record]) -> None:
        """Hand it what one poll returned."""
        admitted, spans = self.dealer.admit(records)
        runs = runs_of(admitted, spans, len(self.crew.lanes), self.key_of)
        size = sum(run.bytes for run in runs.values())
        self.given = Load(self.given.records + len(admitted), self.given.bytes + size)
        self.crew.give(runs)

    def until_idle(self) -> None:
        """Wait until everything that was handed over has ended."""
        until(lambda: finished(self.crew.lanes) == self.given)

    def positions(self) -> dict[int, int | None]:
        """What would be committed."""
        return {lease.partition.number: lease.watermark.position() for lease in self.leases}


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


@contextmanager
def bench(kind: str, handler: Callable[[Record], object], lanes: int = 4) -> Iterator[Bench]:
    """A crew that is gone at the end."""
    made = Bench(kind, handler, lanes)
    try:
        yield made
    finally:
        assert made.crew.end(TIMEOUT_S) == 0


KINDS = pytest.mark.parametrize("kind", ["threads", "tasks"])
keys = st.sampled_from([b"a", b"b", b"c", b"d", b"e", None])
#: For each record its key and how often its handler fails.
scripts = st.lists(st.tuples(keys, st.sampled_from([0, 0, 0, 1, 2, 5])), max_size=40)


@KINDS
@given(script=scripts, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_order_per_key_is_kept_and_everything_ends(
    kind: str, script: list[tuple[bytes | None, int]], cuts: list[int]
) -> None:
    """Handled or, after three attempts, buried; a key's later records come only then."""
    fails = {offset: count for offset, (_, count) in enumerate(script)}
    ended: dict[Hashable, list[int]] = defaultdict(list)

    def handler(given: Record) -> None:
        if fails[given.offset()]:
            fails[given.offset()] -= 1
            raise ValueError("not yet")
        ended[given.key()].append(given.offset())

    with bench(kind, handler) as crew:
        crew.assign(0)
        records = [record(0, offset, key) for offset, (key, _) in enumerate(script)]
        at = 0
        while at < len(records):
            size = cuts[at % len(cuts)]
            crew.give(records[at : at + size])
            at += size
        crew.until_idle()
        assert crew.positions() == {0: len(script)}
        letters = {given.offset() for given, _ in crew.buried}
    assert letters == {offset for offset, (_, count) in enumerate(script) if count == 5}
    for key in {key for key, _ in script if key is not None}:
        of_key = [offset for offset, (k, _) in enumerate(script) if k == key]
        assert ended[key] == [offset for offset in of_key if offset not in letters]
    assert sorted(ended[None]) == [
        offset for offset, (k, _) in enumerate(script) if k is None and offset not in letters
    ]


@KINDS
def test_a_key_that_waits_holds_up_no_other(kind: str) -> None:
    """Not even one of the same lane."""
    allowed, seen = threading.Event(), []

    def handler(given: Record) -> None:
        if given.offset() == 0 and not allowed.is_set():
            raise ValueError("not yet")
        seen.append(given.offset())

    with bench(kind, handler, lanes=1) as crew:
        schedule = RetrySchedule(attempts=1000, first_s=0.005, most_s=0.005)
        for lane in crew.crew.lanes:
            object.__setattr__(lane._rules, "schedule", schedule)
        crew.assign(0)
        crew.give([record(0, n, b"a" if n % 2 == 0 else b"b") for n in range(10)])
        until(lambda: len(seen) == 5)
        assert seen == [1, 3, 5, 7, 9]
        assert crew.positions() == {0: 0}
        allowed.set()
        crew.until_idle()
        assert seen[5:] == [0, 2, 4, 6, 8]
        assert crew.positions() == {0: 10}


@KINDS
def test_a_dead_letter_that_cannot_be_written_is_written_again(kind: str) -> None:
    """Until it is there its record does not count as done, and its key waits."""
    seen = []

    def handler(given: Record) -> None:
        if given.offset() == 0:
            raise Poison("never")
        seen.append(given.offset())

    with bench(kind, handler) as crew:
        crew.burial_failures = 3
        crew.assign(0)
        crew.give([record(0, 0, b"a"), record(0, 1, b"a")])
        crew.until_idle()
        ((letter, cause),) = crew.buried
        assert (letter.offset(), cause.error, cause.attempts) == (0, "Poison", 1)
        assert seen == [1]
        assert crew.positions() == {0: 2}


def test_nothing_begins_once_its_partition_is_closed() -> None:
    """What runs may end and counts; what waits of it is dropped; other partitions go on."""
    begun, go = threading.Semaphore(0), threading.Event()
    seen: list[tuple[int, int]] = []

    def handler(given: Record) -> None:
        begun.release()
        if given.partition() == 0:
            assert go.wait(TIMEOUT_S)
        seen.append((given.partition(), given.offset()))

    with bench("threads", handler, lanes=2) as crew:
        crew.assign(0, 1)
        crew.give([record(0, n, b"a") for n in range(5)])
        assert begun.acquire(timeout=TIMEOUT_S)
        assert len(handling_of(crew.crew.lanes, {Partition("t", 0)})) == 1
        crew.leases.begin_release([Partition("t", 0)])
        crew.crew.sweep()
        crew.give([record(1, n, b"a") for n in range(3)])
        go.set()
        crew.until_idle()
        assert seen == [(0, 0), (1, 0), (1, 1), (1, 2)]
        assert crew.positions() == {0: 1, 1: 3}
        assert handling_of(crew.crew.lanes, {Partition("t", 0)}) == []


@KINDS
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), RecursionError()])
def test_whatever_a_handler_raises_is_its_records_failure(kind: str, error: BaseException) -> None:
    """No lane ends by it."""

    def handler(given: Record) -> None:
        if given.offset() == 0:
            raise error

    with bench(kind, handler) as crew:
        crew.assign(0)
        crew.give([record(0, n, b"a") for n in range(3)])
        crew.until_idle()
        assert [cause.error for _, cause in crew.buried] == [type(error).__name__]
        assert crew.positions() == {0: 3}


def test_a_lane_that_is_offered_once_what_it_was_offered_for_is_done_goes_on() -> None:
    """Handing over is two steps: another thread may do what was handed over between them."""
    seen: list[int] = []
    with bench("threads", lambda given: seen.append(given.offset()), lanes=1) as crew:
        assert isinstance(crew.crew, ThreadCrew)
        crew.assign(0)
        for lane in crew.crew.lanes:
            crew.crew.offer(cast(ThreadLane, lane))
        crew.give([record(0, n, b"a") for n in range(3)])
        crew.until_idle()
        assert seen == [0, 1, 2]


def test_an_awaitable_from_a_plain_handler_is_told_apart() -> None:
    """What to do about it is said."""

    async def later() -> None: ...

    with bench("threads", lambda _: later()) as crew:
        crew.assign(0)
        crew.give([record(0, 0, b"a")])
        crew.until_idle()
        assert "async def" in crew.buried[0][1].why


@KINDS
def test_a_key_function_that_fails_fails_its_record_alone(kind: str) -> None:
    """It is retried and buried with that cause; a key that cannot be hashed is no better."""

    def key_of(given: Record) -> Hashable:
        return cast(Hashable, [given.offset()]) if given.value() == b"bad" else given.key()

    seen: list[int] = []
    handler = cast(Handler, lambda given: seen.append(given.offset()))
    with bench(kind, checked(key_of, handler)) as crew:
        crew.key_of = guarded(key_of)
        crew.assign(0)
        crew.give([record(0, 0, b"a"), record(0, 1, b"a", b"bad"), record(0, 2, b"a")])
        crew.until_idle()
        assert seen == [0, 2]
        assert [cause.error for _, cause in crew.buried] == ["TypeError"]


def admitted(dealer: Dealer, *offsets: int) -> list[int]:
    """The offsets of partition 0 that a poll's records are admitted with."""
    found, _ = dealer.admit([record(0, offset, b"a") for offset in offsets])
    return [one.offset() for one in found]


def new_dealer(position: int) -> tuple[Leases, Dealer]:
    """One that has partition 0 from a position on, given during the poll that is under way."""
    leases = Leases()
    leases.grant({Partition("t", 0): Start(position)}, 0.0)
    return leases, Dealer(leases, WHERE, lambda place: Partition("t", cast(int, place)))


def test_what_the_poll_of_a_new_lease_returns_of_it_is_read_anew() -> None:
    """It may have been fetched for an earlier lease; what is not ours at all is dropped."""
    leases, dealer = new_dealer(5)
    assert admitted(dealer, 9, 10) == []
    assert dealer.admit([record(1, 0, b"a")]) == ([], {})
    assert dealer.anew() == {Partition("t", 0): 5}
    leases.settle()
    assert admitted(dealer, 5, 6) == [5, 6]
    assert admitted(dealer, 6, 7) == [7]
    assert dealer.anew() == {}


def test_a_lease_that_begins_elsewhere_than_where_it_was_to_is_read_anew_once() -> None:
    """The client may have gone on at an old position; a hole in the log comes a second time."""
    leases, dealer = new_dealer(5)
    leases.settle()
    assert admitted(dealer, 8, 9) == []
    assert dealer.anew() == {Partition("t", 0): 5}
    assert admitted(dealer, 5, 6) == [5, 6]
    leases.doubt([Partition("t", 0)])
    for _ in range(2):
        seen = admitted(dealer, 20, 21)
    assert seen == [20, 21]
    assert dealer.anew() == {Partition("t", 0): 7}
    assert admitted(dealer, 30) == [30]


def test_a_lease_that_insists_takes_nothing_but_what_is_due() -> None:
    """However often something else comes: between the two is a batch that is damaged."""
    leases, dealer = new_dealer(5)
    leases.settle()
    for lease in leases:
        lease.insists = True
    for _ in range(3):
        assert admitted(dealer, 8, 9) == []
        assert dealer.anew() == {Partition("t", 0): 5}
    assert admitted(dealer, 5, 8) == [5, 8]


@given(st.lists(st.tuples(keys, st.integers(0, 2)), max_size=60), st.integers(1, 9))
def test_a_key_is_always_dealt_to_one_lane_in_order(
    script: list[tuple[bytes | None, int]], lanes: int
) -> None:
    """And every record is dealt exactly once."""
    records = [record(p, offset, key) for offset, (key, p) in enumerate(script)]
    runs = runs_of(records, {}, lanes, own_key)
    dealt = sorted(r.offset() for run in runs.values() for r in run.records)
    assert dealt == list(range(len(script)))
    where: dict[bytes, set[int]] = defaultdict(set)
    for lane, run in runs.items():
        assert 0 <= lane < lanes
        assert run.bytes == len(run.records)
        assert [r.offset() for r in run.records] == sorted(r.offset() for r in run.records)
        for dealt_one in run.records:
            if dealt_one.key() is not None:
                where[dealt_one.key() or b""].add(lane)
    assert all(len(found) == 1 for found in where.values())
