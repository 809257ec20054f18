"""Each event once: whatever is delivered again, forgotten or tried by two at once."""

import threading
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.problem import BadInput
from fleet.dedup import Purged, Tx, Way, floor_of, named_bytes
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.once import Once
from fleet.record import Partition, Record
from fleet.retries import Poison, WrongReturn
from lab.postgres import Postgres
from tests.fleet.memories import (
    MARGIN,
    Open,
    applying,
    both_ways,
    by,
    chosen,
    effects,
    emptied,
    nowhere,
    record,
    with_effects,
)

HOUR_MS = 3_600_000


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
    with_effects(memory)
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


def test_buckets_of_ids_are_dropped_once_they_are_old_and_below_the_floor(server: Postgres) -> None:
    """And made again for an event whose own time is that old."""
    emptied(server)
    memory = PostgresMemory(server.dsn, chosen(Way.IDS), "g", {"t": "1"})
    with_effects(memory)
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
