"""A slot is judged by what it holds back, how fast that grows, and how much may be."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from fleet.slot_watch import (
    SlotAction,
    SlotGauges,
    SlotJudgement,
    SlotLevel,
    SlotPolicy,
    SlotReading,
    SlotWatch,
    judge,
)
from lab.postgres import Postgres

GIB = 1 << 30
POLICY = SlotPolicy(limit_bytes=10 * GIB)
LEVELS = list(SlotLevel)


def reading(held: int, at_s: float = 0.0, limit: int | None = None, **said: bool) -> SlotReading:
    """One look at a slot that somebody reads from."""
    facts = {"exists": True, "active": True, "lost": False} | said
    return SlotReading(at_s, **facts, held_bytes=held, server_limit_bytes=limit)


def growing(per_s: float, at: int, limit: int | None = None) -> list[SlotReading]:
    """Two looks, ten seconds apart."""
    return [reading(int(at - 10 * per_s), 0.0, limit), reading(at, 10.0, limit)]


@pytest.mark.parametrize(
    ("readings", "level", "action"),
    [
        ([reading(0)], SlotLevel.NORMAL, SlotAction.NOTHING),
        ([reading(0, active=False)], SlotLevel.WARNING, SlotAction.ALERT),
        ([reading(3 * GIB)], SlotLevel.WARNING, SlotAction.ALERT),
        ([reading(7 * GIB)], SlotLevel.CRITICAL, SlotAction.PAGE),
        ([reading(10 * GIB)], SlotLevel.CRITICAL, SlotAction.DROP),
        ([reading(10 * GIB, limit=10 * GIB)], SlotLevel.CRITICAL, SlotAction.PAGE),
        ([reading(3 * GIB, limit=100 * GIB)], SlotLevel.NORMAL, SlotAction.NOTHING),
        ([reading(0, lost=True)], SlotLevel.LOST, SlotAction.RECREATE),
        ([reading(0, exists=False)], SlotLevel.LOST, SlotAction.RECREATE),
        # 9 GiB to go: at 1 MB/s 2.7 hours, at 10 MB/s 16 minutes, at 100 KB/s a day.
        (growing(1e6, GIB), SlotLevel.WARNING, SlotAction.ALERT),
        (growing(1e7, GIB), SlotLevel.CRITICAL, SlotAction.PAGE),
        (growing(1e5, GIB), SlotLevel.NORMAL, SlotAction.NOTHING),
        (growing(-1e7, GIB), SlotLevel.NORMAL, SlotAction.NOTHING),
    ],
)
def test_what_the_policy_says(
    readings: list[SlotReading], level: SlotLevel, action: SlotAction
) -> None:
    """From what was read alone; the server's own limit counts where it has one."""
    found = judge(readings, POLICY)
    assert (found.level, found.action) == (level, action)
    assert bool(found.why) == (level is not SlotLevel.NORMAL)


@given(st.integers(0, 20 * GIB), st.integers(0, 20 * GIB), st.booleans())
def test_more_that_is_held_back_is_never_judged_milder(one: int, other: int, limited: bool) -> None:
    """And only what nobody limits is ever to be dropped by us."""
    limit = 10 * GIB if limited else None
    less, more = (judge([reading(n, limit=limit)], POLICY) for n in sorted((one, other)))
    assert LEVELS.index(less.level) <= LEVELS.index(more.level)
    assert not (limited and more.action is SlotAction.DROP)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, GIB)), min_size=1, max_size=20))
def test_whatever_was_read_is_judged(looks: list[tuple[float, int]]) -> None:
    """With a time to the limit exactly where it grows."""
    found = judge([reading(held, at_s) for at_s, held in sorted(looks)], POLICY)
    assert (found.to_limit_s is None) == (found.growth_bytes_per_s <= 0)


@pytest.fixture
def database() -> Iterator[Postgres]:
    """A PostgreSQL that never gives a slot up by itself."""
    running = Postgres.up(f"test-{uuid.uuid4().hex[:8]}", {"max_slot_wal_keep_size": "-1"})
    yield running
    running.down()


def test_a_slot_that_nobody_limits_is_dropped_at_our_limit(database: Postgres) -> None:
    """The gauges say so before and after."""
    watch, registry = SlotWatch("s", SlotPolicy(limit_bytes=4 << 20)), CollectorRegistry()
    gauges, seen = SlotGauges(registry), list[SlotJudgement]()
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("select pg_create_logical_replication_slot('s', 'pgoutput')")
        seen.append(watch.look(connection))
        connection.execute(
            "create table t as select repeat('x', 1000) from generate_series(1, 8000)"
        )
        seen.append(watch.look(connection))
        gauges.show("s", seen[-1])
        held = registry.get_sample_value("quorate_outbox_slot_held_bytes", {"slot": "s"})
        assert (held or 0) > 4 << 20
        assert registry.get_sample_value("quorate_outbox_slot_level", {"slot": "s"}) == 2
        seen.append(watch.look(connection))
    assert [found.action for found in seen] == [
        SlotAction.ALERT,
        SlotAction.DROP,
        SlotAction.RECREATE,
    ]
    assert seen[1].growth_bytes_per_s > 0
