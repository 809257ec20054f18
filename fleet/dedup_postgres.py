"""What was applied, remembered in PostgreSQL 12 or newer."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import LiteralString, cast

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import CheckViolation
from psycopg.pq import TransactionStatus

from blueprint.problem import BadInput, Problem
from fleet.dedup import (
    NOWHERE,
    Claim,
    DedupSettings,
    Head,
    Purged,
    Row,
    Standing,
    Stretch,
    Tx,
    Way,
    heads,
    judged_by_id,
    judged_by_key,
)
from fleet.dedup_buckets import SETTLED, Buckets
from fleet.dedup_place import shown
from fleet.record import Partition
from fleet.transaction import Cursor, HeldTx

Connection = psycopg.Connection[tuple[object, ...]]
CONNECT_TIMEOUT_S = 5
#: Between two attempts to reach a database that is away: no record is to blame for that.
_RETRY_S = 0.2
#: A member that stands still in the middle of a transaction, or that is gone, holds up whoever has
#: its partitions now for at most about so long.
IDLE_TIMEOUT_S = 60
#: Rows that are deleted in one statement.
PURGE_ROWS = 5_000
_SCHEMA = (
    "create table if not exists quorate_dedup_source (id serial primary key, scope text not null,"
    " topic text not null, log text not null, number int not null,"
    " floor bigint not null default 0, raised xid,"
    " unique (scope, topic, log, number)) with (fillfactor = 50)",
    # Room in each page, so that an update of a mark touches no index and leaves nothing behind.
    "create table if not exists quorate_dedup_key (source int not null, token bytea not null,"
    " upto bigint not null, previous bigint not null, primary key (source, token))"
    " with (fillfactor = 60)",
)
#: What comes back is only what is not simply new, and floors above what is claimed: mostly nothing.
_MOVE = """with given as (select * from
    unnest(%s::int[], %s::bytea[], %s::bigint[], %s::bigint[]) as g(source, token, lowest, upto)),
    moved as (insert into quorate_dedup_key as known (source, token, upto, previous)
    select source, token, upto, -1 from given
    on conflict (source, token) do update set previous = known.upto, upto = excluded.upto
    where known.upto < excluded.upto returning source, token, previous)
    select source, token, previous, null::bigint from given left join moved using (source, token)
    where previous is null or previous >= lowest
    union all select id, null, null, floor from quorate_dedup_source
    join (select source, min(lowest) from given group by source) as l(id, low) using (id)
    where floor > low"""
_ADD = """with given as (select * from
    unnest(%s::bigint[], %s::bytea[], %s::int[], %s::bigint[]) as g(bucket, token, source, at)),
    added as (insert into quorate_dedup_event (bucket, scope, token, source, log_offset)
    select bucket, %s, token, source, at from given on conflict do nothing returning token)
    select source, token, null::bigint, null::bigint from given left join added using (token)
    where added.token is null
    union all select id, null, null, floor from quorate_dedup_source
    join (select source, min(at) from given group by source) as l(id, low) using (id)
    where floor > low"""
_FLOOR = f"select floor from quorate_dedup_source s where id = %s and {SETTLED}"
_RAISE = """update quorate_dedup_source
    set floor = %s, raised = (txid_current() %% 4294967296)::text::xid
    where id = %s and floor < %s"""
_FORGET = """delete from quorate_dedup_key where source = %s and upto < %s and token = any(array(
    select token from quorate_dedup_key where source = %s and upto < %s limit %s))"""


class PostgresMemory:
    """A few connections that threads take in turn; one more for what belongs to no handler.

    Attributes:
        dsn: Where it is.
    """

    def __init__(
        self, dsn: str, settings: DedupSettings, scope: str, logs: Mapping[str, str]
    ) -> None:
        """Connect, and make the tables unless they are there.

        Args:
            dsn: What libpq takes.
            settings: How it remembers.
            scope: The group: others remember for themselves.
            logs: The id of each topic: one that was made anew begins with nothing applied.

        Raises:
            BadInput: The database cannot be had, or the tables cannot be made in it.
        """
        self.dsn, self._settings, self._scope, self._logs = dsn, settings, scope, logs
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(settings.connections):
            self._idle.put(None)
        self._own_lock, self._closed = threading.RLock(), threading.Event()
        self._sources: dict[Partition, int] = {}
        self._buckets = Buckets(settings.bucket_s)
        try:
            self._own: Connection = _connected(dsn)
            for statement in _SCHEMA:
                _quietly_made(self._own, statement)
            if settings.by is Way.IDS:
                self._buckets.prepare(self._own, time.time())
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            legal = "a PostgreSQL that can be reached and lets tables be made"
            raise BadInput([Problem("dedup.database", shown(dsn), legal, said)]) from None

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction that is committed at its end, or rolled back by what is raised in it.

        It waits for a database that is away: what comes after would be away as well.
        """
        connection = self._taken()
        try:
            yield HeldTx(cast(Cursor, connection.cursor()))
            if connection.info.transaction_status is TransactionStatus.INERROR:
                # PostgreSQL would answer a commit with a rollback, and no error.
                raise psycopg.errors.InFailedSqlTransaction(
                    "a statement failed and the handler went on"
                )
            connection.commit()
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        finally:
            self._given_back(connection)

    def claim(self, tx: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Remember records as applied, if the transaction is.

        One statement moves the marks and looks at the floors. What is below a floor is forgotten
        only once every statement under way has seen that floor.
        """
        sources = {place: self._source(place) for place in {c.place for c in claims}}
        places = {source: place for place, source in sources.items()}
        if self._settings.by is Way.IDS:
            self._have_buckets({c.bucket for c in claims})
            rows = self._asked(tx, _ADD, self._rows(claims, sources))
        else:
            moving = heads(claims)
            rows = self._asked(tx, _MOVE, _marks(moving, sources))
        floors = dict.fromkeys(sources, 0)
        floors |= {places[source]: floor for source, _, _, floor in rows if floor is not None}
        odd = {(places[source], token): was for source, token, was, floor in rows if floor is None}
        if self._settings.by is Way.IDS:
            return judged_by_id(claims, {c.token for c in claims} - {t for _, t in odd}, floors)
        moved = dict.fromkeys(moving, NOWHERE)
        for head, previous in odd.items():
            if previous is None:
                del moved[head]
            else:
                moved[head] = previous
        return judged_by_key(claims, moved, floors)

    def purge(self, committed: Mapping[Partition, int], now_s: float) -> Purged:
        """Forget what no rewind within the margin can need.

        Raises:
            psycopg.Error: The database is away; the next purge does it.
        """
        with self._own_lock:
            connection = self._own_connection()
            sources = {self._source(place): offset for place, offset in committed.items()}
            if self._settings.by is Way.IDS:
                dropped = self._buckets.drop(connection, now_s - self._settings.keep_s, now_s)
            else:
                rows = sum(self._forget_keys(connection, source) for source in sources)
            # What these floors allow to be forgotten goes at the next purge.
            for source, offset in sources.items():
                floor = offset - self._settings.margin_records
                connection.execute(_RAISE, (floor, source, floor))
            if self._settings.by is Way.KEYS:
                if rows >= PURGE_ROWS:
                    # Autovacuum looks once a minute: at thousands a second the table would grow.
                    connection.execute("vacuum (skip_locked, truncate off) quorate_dedup_key")
                return Purged(rows)
            return Purged(0, dropped)

    def close(self) -> None:
        """Let go of the database; connections in use are closed as they come back."""
        self._closed.set()
        with suppress(queue.Empty):
            while True:
                idle = self._idle.get_nowait()
                if idle is not None:
                    idle.close()
        with self._own_lock:
            self._own.close()

    def _rows(self, claims: Sequence[Claim], sources: Mapping[Partition, int]) -> list[str]:
        rows = sorted((c.bucket, c.token, sources[c.place], c.offset) for c in claims)
        buckets, tokens, places, offsets = zip(*rows, strict=True)
        return [_numbers(buckets), _blobs(tokens), _numbers(places), _numbers(offsets), self._scope]

    def _asked(self, tx: Tx, sql: LiteralString, columns: Sequence[str]) -> list[Row]:
        cursor = cast("psycopg.Cursor[Row]", cast(HeldTx, tx).cursor)
        try:
            return cursor.execute(sql, columns, prepare=True).fetchall()
        except CheckViolation:
            # The bucket was dropped by another process since it was last seen.
            self._buckets.forget()
            raise

    def _forget_keys(self, connection: Connection, source: int) -> int:
        rows, found = 0, connection.execute(_FLOOR, (source,)).fetchone()
        floor = 0 if found is None else found[0]
        while True:
            done = connection.execute(_FORGET, (source, floor, source, floor, PURGE_ROWS))
            rows += done.rowcount
            if done.rowcount < PURGE_ROWS:
                return rows

    def _source(self, place: Partition) -> int:
        known = self._sources.get(place)
        if known is not None:
            return known
        named = (self._scope, place.topic, self._logs.get(place.topic, ""), place.number)
        with self._own_lock:
            connection = self._own_connection()
            connection.execute(
                "insert into quorate_dedup_source (scope, topic, log, number)"
                " values (%s, %s, %s, %s) on conflict do nothing",
                named,
            )
            found = connection.execute(
                "select id from quorate_dedup_source"
                " where scope = %s and topic = %s and log = %s and number = %s",
                named,
            ).fetchone()
        assert found is not None
        self._sources[place] = cast(int, found[0])
        return self._sources[place]

    def _have_buckets(self, buckets: set[int]) -> None:
        if not self._buckets.known(buckets):
            with self._own_lock:
                self._buckets.make(self._own_connection(), buckets)

    def _own_connection(self) -> Connection:
        # It is used rarely: the database may have been away since, which only a question shows.
        with suppress(psycopg.OperationalError):
            self._own.execute("select 1")
        if self._own.closed:
            self._own = _connected(self.dsn)
        return self._own

    def _taken(self) -> Connection:
        idle = self._idle.get()
        while idle is None or idle.closed:
            if self._closed.is_set():
                self._idle.put(None)
                raise psycopg.OperationalError("the database was let go of")
            try:
                idle = _connected(self.dsn, autocommit=False)
            except psycopg.OperationalError:
                self._closed.wait(_RETRY_S)
        return idle

    def _given_back(self, connection: Connection) -> None:
        if (
            self._closed.is_set()
            or connection.info.transaction_status is not TransactionStatus.IDLE
        ):
            connection.close()
        self._idle.put(None if connection.closed else connection)


def _marks(moving: Mapping[Head, Stretch], sources: Mapping[Partition, int]) -> list[str]:
    places, tokens = zip(*moving, strict=True)
    lowest, upto = zip(*moving.values(), strict=True)
    numbers = (_numbers([sources[place] for place in places]), _numbers(lowest), _numbers(upto))
    return [numbers[0], _blobs(tokens), *numbers[1:]]


def _numbers(column: Sequence[int]) -> str:
    """An array as PostgreSQL reads it: psycopg's own way costs 1 us for each element."""
    return f"{{{','.join(map(str, column))}}}"


def _blobs(column: Sequence[bytes]) -> str:
    return "{" + ",".join([f'"\\\\x{token.hex()}"' for token in column]) + "}"


def _connected(dsn: str, *, autocommit: bool = True) -> Connection:
    options: dict[str, object] = {
        # Statements of a few rows: compiling one takes 40 ms, and a new table's costs are a guess.
        "jit": "off",
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT_S * 1000,
        "tcp_keepalives_idle": IDLE_TIMEOUT_S // 4,
        "tcp_keepalives_interval": IDLE_TIMEOUT_S // 8,
        "tcp_keepalives_count": 4,
    }
    said = conninfo_to_dict(dsn).get("options") or ""
    said = " ".join([str(said), *(f"-c {name}={value}" for name, value in options.items())])
    connection = psycopg.connect(
        dsn, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, options=said.strip()
    )
    # Floors must be read as they are now, not as they were when the transaction began.
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    return connection


def _quietly_made(connection: Connection, statement: str) -> None:
    """Make what may be being made by another process in this very moment."""
    with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
        connection.execute(statement)
