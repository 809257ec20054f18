"""Each event once through whatever an operator does: runs, failures, purges, rewinds, crashes."""

import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.dedup import Claim, Standing, Tx, Way
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.once import Once
from fleet.record import Partition, Record
from lab.postgres import Postgres
from tests.fleet.memories import (
    MARGIN,
    Opened,
    applying,
    both_ways,
    by,
    chosen,
    effects,
    nowhere,
    record,
    with_effects,
)

KEYS, RECORDS = 4, 40


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What happens to one partition: runs of a lane, commits, purges, rewinds by operators."""
    step = st.one_of(
        st.tuples(st.just("run"), st.integers(0, KEYS * 8 - 1)),
        st.tuples(st.just("fail"), st.integers(0, KEYS * 8 - 1)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("purge"), st.just(0)),
        st.tuples(st.just("rewind"), st.integers(0, RECORDS)),
        st.tuples(st.just("crash"), st.just(0)),
    )
    return draw(st.lists(step, min_size=1, max_size=60))


class Model:
    """One partition of a group, its member and a memory; what Kafka would do around it."""

    def __init__(self, memory: Opened, way: Way) -> None:
        """Begin at offset 0."""
        self.memory, self.way = memory, way
        self.once = Once(applying(memory), memory, by(way))
        self.failing = Once(self._fail, memory, by(way))
        self.committed = self.highest = 0
        self.left: dict[int, list[int]] = {}
        self.assign()

    def _fail(self, given: Record, tx: Tx) -> None:
        applying(self.memory)(given, tx)
        raise ValueError("rolled back")

    def assign(self) -> None:
        """Every record from the committed offset on is delivered, each key's in order."""
        due = range(self.committed, RECORDS)
        self.left = {key: [n for n in due if n % KEYS == key] for key in range(KEYS)}

    def key_records(self, pick: int) -> list[Record]:
        """The next few records of one key: keys end out of order."""
        key, count = pick % KEYS, pick // KEYS + 1
        return [record(n, f"k{key}".encode()) for n in self.left[key][:count]]

    def step(self, what: str, number: int) -> None:
        """Do one thing."""
        if what == "run":
            run = self.key_records(number)
            self.once.together(run, nowhere)
            del self.left[number % KEYS][: len(run)]
        elif what == "fail" and (run := self.key_records(number)):
            before = effects(self.memory)
            if any(effects(self.memory)[0, r.offset()] == 0 for r in run):
                with pytest.raises(ValueError, match="rolled back"):
                    self.failing.together(run, nowhere)
            assert effects(self.memory) == before
        elif what == "commit":
            self.committed = min((n for left in self.left.values() for n in left), default=RECORDS)
            self.highest = max(self.highest, self.committed)
        elif what == "purge":
            self.memory.purge({Partition("t", 0): self.committed}, 1e6)
        elif what == "rewind":
            self.committed = min(self.committed, number)
            self.assign()
        elif what == "crash":
            self.assign()

    def check(self) -> None:
        """Nothing was applied twice, and nothing at or above the margin was forgotten."""
        applied = effects(self.memory)
        assert all(times == 1 for times in applied.values())
        floor = max(0, self.highest - MARGIN)
        # Asked as a record within the margin would ask, and rolled back.
        for _, offset in applied:
            if offset >= floor:
                claim = by(self.way)(record(offset, f"k{offset % KEYS}".encode()))
                assert asked(self.memory, [claim]) == [Standing.APPLIED]


class Undo(Exception):
    """Rolls a question back."""


def asked(memory: Opened, claims: list[Claim]) -> list[Standing]:
    """What is known, without remembering that it was asked."""
    standings: list[Standing] = []
    try:
        with memory.transaction() as tx:
            standings = memory.claim(tx, claims)
            raise Undo
    except Undo:
        return standings


def lived_through(memory: Opened, way: Way, history: list[tuple[str, int]]) -> None:
    """Check after every step; at the end everything is delivered and was applied exactly once."""
    model = Model(memory, way)
    for what, number in history:
        model.step(what, number)
        model.check()
    for key in range(KEYS):
        while model.left[key]:
            model.step("run", key)
    for what in ("commit", "purge"):
        model.step(what, 0)
    model.step("rewind", 0)
    for key in range(KEYS):
        while model.left[key]:
            model.step("run", key + 4 * KEYS)
    assert effects(memory) == {(0, n): 1 for n in range(RECORDS)}


@both_ways
@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_through_rewinds_crashes_and_purges_each_event_is_applied_once_sqlite(
    way: Way, history: list[tuple[str, int]]
) -> None:
    """The embedded default, in memory."""
    memory = SqliteMemory(Path(":memory:"), chosen(way), "g", {})
    with_effects(memory)
    lived_through(memory, way, history)
    memory.close()


@both_ways
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories())
def test_through_rewinds_crashes_and_purges_each_event_is_applied_once_postgres(
    server: Postgres, way: Way, history: list[tuple[str, int]]
) -> None:
    """The same in PostgreSQL."""
    scope = uuid.uuid4().hex
    memory = PostgresMemory(server.dsn, chosen(way, connections=1), scope, {})
    try:
        with memory.transaction() as tx:
            tx.execute("drop table if exists effects")
        with_effects(memory)
        lived_through(memory, way, history)
    finally:
        memory.close()
