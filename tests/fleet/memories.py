"""Memories of what was applied, as tests open them, and a handler whose effect is a row."""

from collections import Counter
from collections.abc import Callable
from typing import cast

import psycopg
import pytest
from confluent_kafka import Message

from fleet.dedup import ClaimOf, DedupSettings, Tx, Way, claims_by_id, claims_by_key, own_id
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.record import Headers, Record, own_key
from lab.postgres import Postgres

MARGIN = 6


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


def emptied(server: Postgres) -> None:
    """Begin with nothing remembered."""
    with psycopg.connect(server.dsn) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")


def with_effects(memory: Opened) -> Opened:
    """A memory whose database has a table for effects."""
    with memory.transaction() as tx:
        tx.execute("create table if not exists effects (of_key text, place int, log_offset int)")
    return memory


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
