"""The outbox: events written in the transaction of what they tell of, published once committed.

Debezium reads them from PostgreSQL's log, so that nothing is published of what was rolled back and
nobody asks the table again and again. Rows stay for a while: should the slot be lost, a new
connector publishes what is there again, and consumers know each event by its id.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import psycopg

from blueprint.connector import OUTBOX_TABLE, PUBLICATION, SLOT
from blueprint.problem import BadInput, Problem
from fleet.dedup import Tx

Connection = psycopg.Connection[tuple[object, ...]]
#: Longer than a connector is away before somebody has seen to it.
KEEP_S = 24 * 3600
#: Of one statement.
PURGE_ROWS = 5_000
_POLL_S = 0.05
#: The event router takes a record's time from a column without a zone, and takes that for UTC.
_NOW = "clock_timestamp() at time zone 'utc'"
#: The table, and a publication of its inserts alone: what is purged is not sent to anybody.
SCHEMA = (
    f"""create table if not exists {OUTBOX_TABLE} (
    id uuid primary key default gen_random_uuid(),
    topic text not null check (topic ~ '^[A-Za-z0-9._-]{{1,249}}$'),
    key text not null,
    payload bytea not null,
    created_at timestamp(3) not null default ({_NOW}))""",
    f"create index if not exists {OUTBOX_TABLE}_age on {OUTBOX_TABLE} (created_at)",
)
_PUBLISHED = f"select 1 from pg_publication where pubname = '{PUBLICATION}'"
_PUBLISH = f"create publication {PUBLICATION} for table {OUTBOX_TABLE} with (publish = 'insert')"
_WRITE = f"insert into {OUTBOX_TABLE} (id, topic, key, payload) values "
_ROW = "(%s, %s, %s, %s)"
#: A statement of so many rows costs a fifteenth of one for each; PostgreSQL takes 65,535 values.
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be published.

    Attributes:
        topic: Where.
        key: What its order is kept by.
        payload: The record's value as it will be.
        id: What consumers know it again by.
    """

    topic: str
    key: str
    payload: bytes
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def make_outbox(dsn: str) -> None:
    """Make the table and the publication, unless they are there.

    Raises:
        BadInput: The database cannot be had, does not write a logical log, or lets nothing be made.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            level = connection.execute("show wal_level").fetchone()
            if level != ("logical",):
                legal, remedy = "logical", "set it in postgresql.conf and start the server again"
                raise BadInput([Problem("wal_level", str((level or [""])[0]), legal, remedy)])
            with connection.transaction():
                # Two at once would both find nothing.
                connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (OUTBOX_TABLE,))
                for statement in SCHEMA:
                    connection.execute(statement)
                if connection.execute(_PUBLISHED).fetchone() is None:
                    connection.execute(_PUBLISH)
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        legal = "a PostgreSQL that can be reached and lets tables be made"
        raise BadInput([Problem("outbox", "no outbox", legal, said)]) from None


def write(tx: Tx | Connection, events: Iterable[Event]) -> None:
    """Write events in the transaction under way; rolled back with it, nothing is published.

    Args:
        tx: What a handler was given, or a psycopg connection or cursor of one's own.
        events: Those of one key are published in this order.
    """
    rest = iter(events)
    while some := list(islice(rest, _ROWS_AT_ONCE)):
        values = [value for e in some for value in (e.id, e.topic, e.key, e.payload)]
        tx.execute(_WRITE + ", ".join([_ROW] * len(some)), values)


@dataclass(frozen=True, slots=True)
class OutboxPurge:
    """Deletes what is old and published; nothing while it is not known to be published."""

    slot: str = SLOT
    keep_s: float = KEEP_S
    timeout_s: float = 30.0

    def purge(self, connection: Connection) -> int:
        """Delete old rows, if the slot goes past where the log is now within the time-out.

        Args:
            connection: In autocommit.

        Returns:
            Rows deleted; 0 while the slot is not there or does not move.
        """
        old = connection.execute(
            f"select id from {OUTBOX_TABLE} where created_at < {_NOW} - make_interval(secs => %s)"
            " order by created_at limit %s",
            (self.keep_s, PURGE_ROWS),
        ).fetchall()
        if not old or not self._published(connection):
            return 0
        ids: Sequence[object] = [row_id for (row_id,) in old]
        return connection.execute(f"delete from {OUTBOX_TABLE} where id = any(%s)", (ids,)).rowcount

    def _published(self, connection: Connection) -> bool:
        """Whether everything that is committed by now is published."""
        now = connection.execute("select pg_current_wal_lsn()").fetchone()
        assert now is not None
        deadline_s = time.monotonic() + self.timeout_s
        while time.monotonic() < deadline_s:
            past = connection.execute(
                "select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots"
                " where slot_name = %s and wal_status <> 'lost'",
                (now[0], self.slot),
            ).fetchone()
            if past is None:
                return False
            if past[0]:
                return True
            time.sleep(_POLL_S)
        return False
