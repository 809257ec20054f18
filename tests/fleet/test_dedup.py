"""Each event once: whatever is delivered again, rewound to, forgotten or tried by two at once."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import psycopg
import pytest
from confluent_kafka import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprint.problem import BadInput
from fleet.dedup import (
    Claim,
    ClaimOf,
    DedupSettings,
    Purged,
    Standing,
    Tx,
    Way,
    claims_by_id,
    claims_by_key,
    floor_of,
    named_bytes,
    own_id,
)
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.once import Once
from fleet.record import Headers, Partition, Record, own_key
from fleet.retries import Poison, WrongReturn
from lab.postgres import Postgres

MARGIN = 6
HOUR_MS = 3_600_000


Opened = SqliteMemory | PostgresMemory
Open = Callable[..., Opened]


def record(
    offset: int,
    key: bytes | None = b"k",
    partition: int = 0,
    event: str | None = None,
    time_ms: int = 0,
) -> Record:
    """A record as the client gives it."""
    headers: Headers | None = [("id", event.encode())] if event else None
    made = Message("t", partition, offset, key, b"v", timestamp=(1, time_ms), headers=headers)
    return cast(Record, made)


def chosen(by: Way = Way.KEYS, **fields: object) -> DedupSettings:
    """Settings of a test's memory."""
    basics = {"database": "any", "by": by, "margin_records": MARGIN, "keep_s": 1, "connections": 4}
    return DedupSettings.model_validate(basics | fields)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL, gone at the end."""
    running = Postgres.up(f"test-{uuid.uuid4().hex[:8]}")
    yield running
    running.down()


@pytest.fixture(params=["sqlite", "postgres"])
def open_memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens memories of one database, empty at the first."""
    opened: list[Opened] = []
    server = request.getfixturevalue("server") if request.param == "postgres" else None
    if server is not None:
        emptied(server)

    def open_one(wanted: DedupSettings, scope: str = "g", log: str = "1") -> Opened:
        made: Opened
        if server is not None:
            made = PostgresMemory(server.dsn, wanted, scope, {"t": log})
        else:
            made = SqliteMemory(tmp_path / "once.db", wanted, scope, {"t": log})
        with made.transaction() as tx:
            tx.execute(
                "create table if not exists effects (of_key text, place int, log_offset int)"
            )
        opened.append(made)
        return made

    yield open_one
    for memory in opened:
        memory.close()


def emptied(server: Postgres) -> None:
    """Begin with nothing remembered."""
    with psycopg.connect(server.dsn) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")


def mark_of(memory: Opened) -> str:
    """How values are written in a statement."""
    return "?" if isinstance(memory, SqliteMemory) else "%s"


def applying(memory: Opened) -> Callable[[Record, Tx], object]:
    """A handler whose effect is a row."""
    mark = mark_of(memory)
    insert = f"insert into effects values ({mark}, {mark}, {mark})"

    def apply(given: Record, tx: Tx) -> None:
        key = (given.key() or b"").decode()
        tx.execute(insert, (key, given.partition(), given.offset()))

    return apply


def effects(memory: Opened) -> Counter[tuple[int, int]]:
    """How often each record was applied, by partition and offset."""
    with memory.transaction() as tx:
        rows = tx.execute("select place, log_offset from effects").fetchall()
    return Counter((place, offset) for place, offset in rows)


def by(way: Way, bucket_s: int = 3600) -> ClaimOf:
    """How records are claimed."""
    return claims_by_key(own_key) if way is Way.KEYS else claims_by_id(own_id, bucket_s)


def nowhere(_: Record) -> None:
    """Nobody looks."""


both_ways = pytest.mark.parametrize("way", list(Way))


@both_ways
def test_what_is_delivered_again_is_applied_once(open_memory: Open, way: Way) -> None:
    """Alone or in a run, in this process or the next."""
    memory = open_memory(chosen(way))
    once = Once(applying(memory), memory, by(way))
    run = [record(n, f"k{n % 3}".encode()) for n in range(9)]
    once.together(run, nowhere)
    once(run[4])
    once.together(run[3:], nowhere)
    assert once.figures().applied == 9
    assert once.figures().repeated == 7
    other = open_memory(chosen(way))
    Once(applying(other), other, by(way)).together([*run, record(9)], nowhere)
    assert set(effects(memory).values()) == {1}
    assert len(effects(memory)) == 10


@both_ways
def test_a_run_that_fails_leaves_nothing_and_is_applied_when_tried_again(
    open_memory: Open, way: Way
) -> None:
    """Neither an effect nor the memory of one, whatever failed in it."""
    memory = open_memory(chosen(way))
    apply, run = applying(memory), [record(n, f"k{n}".encode()) for n in range(4)]

    def fails_late(given: Record, tx: Tx) -> None:
        apply(given, tx)
        if given.offset() == 2:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Once(fails_late, memory, by(way)).together(run, nowhere)
    with pytest.raises(WrongReturn, match="returned int"):
        Once(lambda _, __: 7, memory, by(way)).together(run, nowhere)
    assert not effects(memory)
    Once(apply, memory, by(way)).together(run, nowhere)
    assert effects(memory) == {(0, n): 1 for n in range(4)}


def test_an_error_that_the_handler_swallows_is_no_success(open_memory: Open) -> None:
    """PostgreSQL answers the commit of a failed transaction with a rollback and no error."""
    memory = open_memory(chosen())
    apply = applying(memory)

    def swallows(given: Record, tx: Tx) -> None:
        apply(given, tx)
        try:
            tx.execute("select nothing from nowhere")
        except Exception:
            return

    once = Once(swallows, memory, by(Way.KEYS))
    if isinstance(memory, PostgresMemory):
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            once(record(0))
        assert not effects(memory)
    else:
        once(record(0))
        assert effects(memory) == {(0, 0): 1}


@pytest.mark.parametrize("said", ["commit", " ROLLBACK", "begin", "end", "abort"])
def test_a_handler_cannot_end_the_transaction(open_memory: Open, said: str) -> None:
    """It would commit claims whose effects are still to come; savepoints are its own."""
    memory = open_memory(chosen())
    with pytest.raises(Poison, match="not the handler's"), memory.transaction() as tx:
        tx.execute(said)
    with memory.transaction() as tx:
        tx.execute("savepoint here")
        applying(memory)(record(0), tx)
        tx.execute("rollback to savepoint here")
    assert not effects(memory)


def test_an_event_that_is_in_the_log_twice_is_applied_once_by_its_id(open_memory: Open) -> None:
    """At another offset, in another partition even; in one run or later."""
    memory = open_memory(chosen(Way.IDS))
    once = Once(applying(memory), memory, by(Way.IDS))
    first, again = record(0, event="e"), record(1, event="e")
    once.together([first, again, record(2, event="f")], nowhere)
    once.together([record(5, event="f", partition=1), record(3, event="g")], nowhere)
    assert effects(memory) == {(0, 0): 1, (0, 2): 1, (0, 3): 1}


def test_groups_and_topics_made_anew_remember_for_themselves(open_memory: Open) -> None:
    """A topic of the same name begins at offset 0 again, and its records are others."""
    for scope, log in (("g", "1"), ("h", "1"), ("g", "2")):
        memory = open_memory(chosen(), scope, log)
        Once(applying(memory), memory, by(Way.KEYS))(record(0))
    assert effects(memory) == {(0, 0): 3}


@both_ways
def test_two_members_that_have_the_same_record_apply_it_once(open_memory: Open, way: Way) -> None:
    """One that lost its partition and does not know yet holds the other up until it has ended."""
    memory = open_memory(chosen(way))
    if isinstance(memory, SqliteMemory):
        pytest.skip("SQLite has one writer at a time")
    apply, inside, go_on = applying(memory), threading.Event(), threading.Event()

    def slow(given: Record, tx: Tx) -> None:
        apply(given, tx)
        inside.set()
        assert go_on.wait(20)

    run = [record(n, f"k{n}".encode()) for n in range(8)]
    zombie = Once(slow, memory, by(way))
    owner = Once(apply, memory, by(way))
    threads = [threading.Thread(target=zombie.together, args=(run, nowhere))]
    threads[0].start()
    assert inside.wait(20)
    threads.append(threading.Thread(target=owner.together, args=(run[::-1], nowhere)))
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert effects(memory) == {(0, n): 1 for n in range(8)}
    assert owner.figures().repeated == 8


def test_the_database_is_waited_for_while_it_is_away(server: Postgres) -> None:
    """No record is to blame for that: none becomes a dead letter because of a restart."""
    emptied(server)
    memory = PostgresMemory(server.dsn, chosen(), "g", {"t": "1"})
    with memory.transaction() as tx:
        tx.execute("create table effects (of_key text, place int, log_offset int)")
    once = Once(applying(memory), memory, by(Way.KEYS))
    once(record(0))
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        once(record(1))
    waiting = threading.Thread(target=once, args=(record(1),))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    server.start()
    waiting.join(30)
    assert effects(memory) == {(0, 0): 1, (0, 1): 1}
    assert memory.purge({Partition("t", 0): 2}, 0.0) == Purged(0)
    memory.close()


@both_ways
def test_what_cannot_be_had_is_refused_and_says_no_secret(way: Way, tmp_path: Path) -> None:
    """A database that is not there is bad input at the start."""
    dsn = "host=127.0.0.1 port=1 dbname=x password=hidden"
    with pytest.raises(BadInput) as refused:
        PostgresMemory(dsn, chosen(way), "g", {})
    assert "hidden" not in str(refused.value)
    (tmp_path / "no.db").write_text("this is no database at all" * 100)
    with pytest.raises(BadInput, match="not a database"):
        SqliteMemory(tmp_path / "no.db", chosen(way), "g", {})


def test_keys_that_say_something_else_each_time_are_refused() -> None:
    """And no two keys that are told apart are the same bytes."""
    with pytest.raises(Poison, match="object"):
        named_bytes(object())
    keys: list[object] = [b"1", "1", 1, ("1",), ("1", "2"), (("1",), "2"), b"s1"]
    assert len({named_bytes(key) for key in keys}) == len(keys)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))), st.integers(0, 10**6))
def test_a_floor_never_sinks_and_never_comes_nearer_than_the_margin(
    commits: Sequence[tuple[int, int]], margin: int
) -> None:
    """Whatever the group commits and is set back to."""
    floor = highest = 0
    for committed, _ in commits:
        before, floor = floor, floor_of(committed, margin, floor)
        highest = max(highest, committed)
        assert before <= floor <= max(0, highest - margin)


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
    with memory.transaction() as tx:
        tx.execute("create table effects (of_key text, place int, log_offset int)")
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
            tx.execute("create table effects (of_key text, place int, log_offset int)")
        lived_through(memory, way, history)
    finally:
        memory.close()


def test_buckets_of_ids_are_dropped_once_they_are_old_and_below_the_floor(server: Postgres) -> None:
    """And made again for an event whose own time is that old."""
    emptied(server)
    memory = PostgresMemory(server.dsn, chosen(Way.IDS), "g", {"t": "1"})
    with memory.transaction() as tx:
        tx.execute("create table effects (of_key text, place int, log_offset int)")
    once = Once(applying(memory), memory, by(Way.IDS))
    once.together([record(n, time_ms=n * HOUR_MS) for n in range(6)], nowhere)
    place = Partition("t", 0)
    # What a purge finds done is dropped by the next one.
    assert memory.purge({place: 4}, 1e9).buckets == 0
    assert memory.purge({place: MARGIN + 3}, 1e9).buckets == 0
    assert memory.purge({place: MARGIN + 3}, 2.5 * 3600).buckets == 2
    assert memory.purge({place: MARGIN + 3}, 1e9).buckets == 1
    once.together([record(n, time_ms=n * HOUR_MS) for n in range(6)], nowhere)
    assert once.figures().beneath == 3
    once(record(20, event="late", time_ms=1))
    assert sum(effects(memory).values()) == 7
    again = PostgresMemory(server.dsn, chosen(Way.IDS), "g", {"t": "1"})
    again.purge({place: 100}, 1e9)
    assert again.purge({place: 100}, 1e9).buckets >= 4
    # The first has not heard of it: what it claims there fails once, and is then made anew.
    with pytest.raises(psycopg.errors.CheckViolation):
        once(record(200, event="later", time_ms=1))
    once(record(200, event="later", time_ms=1))
    assert sum(effects(memory).values()) == 8
    memory.close()
    again.close()
