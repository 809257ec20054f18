"""Runs in one transaction: what fails in them is tried alone, and nothing counts before it is."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.crew import finished
from fleet.dealing import Dealer, runs_of
from fleet.dedup import DedupSettings, Tx, claims_by_key
from fleet.dedup_sqlite import SqliteMemory
from fleet.keys import checked
from fleet.lane import Buried, LaneRules
from fleet.leases import Leases, Start
from fleet.once import Once, TxHandler
from fleet.record import Partition, Record, own_key
from fleet.retries import RetrySchedule
from fleet.run_lanes import RunLane, run_crew
from fleet.signals import unheard
from fleet.waiting import Cause
from tests.fleet.test_lanes import WHERE, until

SCHEDULE = RetrySchedule(attempts=3, first_s=0.001, most_s=0.004)
KEYS = (b"a", b"b", b"c", b"d", b"e", None)


def record(partition: int, offset: int, key: bytes | None) -> Record:
    """A record as the client gives it."""
    return cast(Record, Message("t", partition, offset, key, b"v", timestamp=(1, 0)))


class Bench:
    """A crew of run lanes on SQLite in memory."""

    def __init__(self, handler: TxHandler, lanes: int = 3) -> None:
        """Make it."""
        self.buried: list[tuple[Record, Cause]] = []
        chosen = DedupSettings(database="sqlite::memory:")
        self.memory = SqliteMemory(Path(":memory:"), chosen, "g", {})
        with self.memory.transaction() as tx:
            tx.execute("create table effects (place int, log_offset int)")
        self.once = Once(handler, self.memory, claims_by_key(own_key))
        self.crew = run_crew(
            lanes, LaneRules(own_key, WHERE, SCHEDULE, self.bury, unheard), self.once
        )
        self.leases, self.given = Leases(), 0
        self.dealer = Dealer(self.leases, WHERE, lambda place: Partition("t", cast(int, place)))
        self.leases.grant({Partition("t", p): Start(0) for p in (0, 1)}, 0.0)
        self.leases.settle()

    def bury(self, given: Record, cause: Cause, done: Buried) -> None:
        """Take a dead letter."""
        self.buried.append((given, cause))
        threading.Thread(target=done, args=(None,)).start()

    def give(self, records: Sequence[Record]) -> None:
        """Hand it what one poll returned."""
        admitted, spans = self.dealer.admit(records)
        self.given += len(admitted)
        self.crew.give(runs_of(admitted, spans, len(self.crew.lanes), own_key))

    def until_idle(self) -> None:
        """Wait until everything that was handed over has ended."""
        until(lambda: finished(self.crew.lanes).records == self.given)

    def effects(self) -> Counter[tuple[int, int]]:
        """How often each record was applied."""
        with self.memory.transaction() as tx:
            rows = tx.execute("select place, log_offset from effects").fetchall()
        return Counter((place, offset) for place, offset in rows)

    def positions(self) -> list[int | None]:
        """What would be committed."""
        return [lease.watermark.position() for lease in self.leases]


@contextmanager
def bench(handler: TxHandler) -> Iterator[Bench]:
    """A crew that is gone at the end."""
    made = Bench(handler)
    made.crew.start()
    try:
        yield made
    finally:
        assert made.crew.end(20) == 0
        made.memory.close()


def row(given: Record, tx: Tx) -> None:
    """The effect."""
    tx.execute("insert into effects values (?, ?)", (given.partition(), given.offset()))


@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from([0, 0, 0, 0, 1, 2, 5])), max_size=50)
)
@settings(max_examples=40, deadline=None)
def test_each_record_is_applied_once_or_buried_in_the_order_of_its_key(
    script: list[tuple[bytes | None, int]],
) -> None:
    """Whatever fails how often, and with whom it shared its transaction."""
    fails = {offset: count for offset, (_, count) in enumerate(script)}
    ended: dict[Hashable, list[int]] = defaultdict(list)

    def handler(given: Record, tx: Tx) -> None:
        row(given, tx)
        if fails[given.offset()]:
            # A run that fails is no attempt of its own: alone it is counted.
            fails[given.offset()] -= 1
            raise ValueError("not yet")
        ended[given.key()].append(given.offset())

    with bench(handler) as crew:
        crew.give([record(0, offset, key) for offset, (key, _) in enumerate(script)])
        crew.until_idle()
        buried = {(given.partition(), given.offset()) for given, _ in crew.buried}
        every = {(0, offset) for offset in range(len(script))}
        assert crew.effects() == {place: 1 for place in every - buried}
        assert crew.positions()[0] == len(script)
    for key, offsets in ended.items():
        firsts = list(dict.fromkeys(offsets))
        assert key is None or firsts == sorted(firsts)


def test_a_run_is_one_transaction_and_counts_once_it_is_committed() -> None:
    """Nothing of it may be committed to the group while it may still be rolled back."""
    inside, go_on = threading.Event(), threading.Event()
    seen: list[list[int | None]] = []

    def handler(given: Record, tx: Tx) -> None:
        row(given, tx)
        if given.offset() == 3:
            inside.set()
            assert go_on.wait(20)

    with bench(handler) as crew:
        crew.give([record(0, offset, b"a") for offset in range(5)])
        assert inside.wait(20)
        seen.append(crew.positions())
        at = [lane.current for lane in crew.crew.lanes if lane.current is not None]
        assert [given.offset() for given in at] == [3]
        go_on.set()
        crew.until_idle()
        assert seen == [[0, 0]]
        assert crew.positions()[0] == 5
        assert all(isinstance(lane, RunLane) for lane in crew.crew.lanes)


def test_records_of_a_partition_that_was_taken_away_are_not_applied() -> None:
    """Nor claimed: the next member finds them as if nobody had them."""
    with bench(row) as crew:
        crew.leases.begin_release([Partition("t", 1)])
        lost = crew.leases.find(Partition("t", 1))
        assert lost is not None
        span = lost.watermark.deliver(range(3))
        admitted, spans = crew.dealer.admit([record(0, n, b"a") for n in range(3)])
        both = [*admitted, *(record(1, n, b"a") for n in range(3))]
        crew.given = len(both)
        crew.crew.give(runs_of(both, spans | {1: span}, len(crew.crew.lanes), own_key))
        crew.until_idle()
        assert crew.effects() == {(0, n): 1 for n in range(3)}
        assert crew.once.figures().applied == 3


def test_a_record_whose_key_cannot_be_had_is_buried_and_not_applied() -> None:
    """Its neighbours in the run are."""

    def fails(given: Record) -> bytes | None:
        if given.offset() == 1:
            raise KeyError("none")
        return b"k"

    with bench(row) as crew:
        assert checked(fails, crew.once) is crew.once
        crew.give([record(0, offset, b"a") for offset in range(3)])
        crew.until_idle()
        assert crew.effects() == {(0, 0): 1, (0, 2): 1}
        assert [cause.error for _, cause in crew.buried] == ["KeyError"]


def test_runs_that_wait_already_share_a_transaction() -> None:
    """Of several polls: each record is marked in the span it came with."""
    inside, go_on = threading.Event(), threading.Event()
    sizes: list[int] = []

    def handler(given: Record, tx: Tx) -> None:
        row(given, tx)
        if given.offset() == 0:
            inside.set()
            assert go_on.wait(20)

    with bench(handler) as crew:
        together = crew.once.together

        def counted(records: Sequence[Record], at: Callable[[Record], None]) -> None:
            sizes.append(len(records))
            together(records, at)

        crew.once.together = counted  # type: ignore[method-assign]
        crew.give([record(0, 0, b"a")])
        assert inside.wait(20)
        crew.give([record(0, offset, b"a") for offset in range(1, 4)])
        crew.give([record(0, offset, b"a") for offset in range(4, 7)])
        go_on.set()
        crew.until_idle()
        assert sizes == [1, 6]
        assert crew.positions()[0] == 7
        assert crew.effects() == {(0, offset): 1 for offset in range(7)}
