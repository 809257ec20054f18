"""What was applied, remembered in SQLite: the embedded default, one writer at a time."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from blueprint.problem import BadInput, Problem
from fleet.dedup import (
    NOWHERE,
    Claim,
    DedupSettings,
    Head,
    Purged,
    Standing,
    Tx,
    Way,
    floor_of,
    heads,
    judged_by_id,
    judged_by_key,
)
from fleet.record import Partition
from fleet.transaction import Cursor, HeldTx

BUSY_TIMEOUT_S = 30.0
#: Rows that are deleted in one transaction: others wait for it for a few milliseconds.
PURGE_ROWS = 2_000
_SCHEMA = (
    "create table if not exists quorate_dedup_source (id integer primary key, scope text not null,"
    " topic text not null, log text not null, number integer not null,"
    " floor integer not null default 0, unique (scope, topic, log, number))",
    "create table if not exists quorate_dedup_key (source integer not null, token blob not null,"
    " upto integer not null, primary key (source, token)) without rowid",
    "create table if not exists quorate_dedup_event (scope text not null, token blob not null,"
    " bucket integer not null, source integer not null, log_offset integer not null,"
    " primary key (scope, bucket, token)) without rowid",
    "create index if not exists quorate_dedup_event_age on quorate_dedup_event (source, bucket)",
)
#: A cross join is done in the order it is written in: one look into the index for each row.
_KNOWN = (
    "with g(source, token) as (values {}) select k.source, k.token, k.upto from g"
    " cross join quorate_dedup_key k on k.source = g.source and k.token = g.token"
)
_SEEN = (
    "with g(scope, bucket, token) as (values {}) select e.bucket, e.token from g"
    " cross join quorate_dedup_event e"
    " on e.scope = g.scope and e.bucket = g.bucket and e.token = g.token"
)
_SOURCE = "scope = ? and topic = ? and log = ? and number = ?"


class SqliteMemory:
    """One file, one connection of this process; other processes wait for it and it for them."""

    def __init__(
        self, path: Path, settings: DedupSettings, scope: str, logs: Mapping[str, str]
    ) -> None:
        """Open or make the file.

        Args:
            path: Of the file.
            settings: How it remembers.
            scope: The group: others remember for themselves.
            logs: The id of each topic: one that was made anew begins with nothing applied.

        Raises:
            BadInput: It cannot be opened as a database.
        """
        self._settings, self._scope, self._logs = settings, scope, logs
        self._lock = threading.Lock()
        self._sources: dict[Partition, int] = {}
        #: Not to be relied on before the transaction that made them is committed.
        self._begun: dict[Partition, int] = {}
        try:
            self._connection = sqlite3.connect(
                path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("pragma journal_mode = wal")
            # What Kafka is told to be done must outlive a loss of power.
            self._connection.execute("pragma synchronous = full")
            for statement in _SCHEMA:
                self._connection.execute(statement)
        except sqlite3.Error as error:
            legal = "sqlite:PATH of a file that can be written"
            raise BadInput([Problem("dedup.database", str(path), legal, str(error))]) from None

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction that is committed at its end, or rolled back by what is raised in it."""
        with self._lock:
            connection = self._connection
            self._begun.clear()
            connection.execute("begin immediate")
            try:
                yield HeldTx(cast(Cursor, connection.cursor()))
                if not connection.in_transaction:
                    raise sqlite3.OperationalError("the transaction was rolled back by an error")
                connection.execute("commit")
                self._sources |= self._begun
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("rollback")
                raise

    def claim(self, tx: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Remember records as applied, if the transaction is."""
        # Nobody else writes while this transaction is under way: it may ask first and write then.
        sources = {place: self._source(tx, place) for place in {c.place for c in claims}}
        floors = self._floors(tx, sources)
        if self._settings.by is Way.IDS:
            return judged_by_id(claims, self._added(tx, claims, sources), floors)
        moving = {(sources[p], t): ((p, t), s) for (p, t), s in heads(claims).items()}
        asked = [part for head in moving for part in head]
        tx.execute(_KNOWN.format(_values(len(moving), 2)), asked)
        known = {(source, token): upto for source, token, upto in tx.fetchall()}
        moved: dict[Head, int] = {}
        rows = []
        for row, (head, (_, upto)) in moving.items():
            previous = known.get(row, NOWHERE)
            if previous < upto:
                moved[head] = previous
                rows.append((*row, upto))
        tx.executemany("insert or replace into quorate_dedup_key values (?, ?, ?)", rows)
        return judged_by_key(claims, moved, floors)

    def purge(self, committed: Mapping[Partition, int], now_s: float) -> Purged:
        """Forget what no rewind within the margin can need."""
        rows = 0
        oldest = int(now_s - self._settings.keep_s) // self._settings.bucket_s
        for place, offset in committed.items():
            with self.transaction() as tx:
                source = self._source(tx, place)
                before = self._floors(tx, {place: source})[place]
                floor = floor_of(offset, self._settings.margin_records, before)
                tx.execute(
                    "update quorate_dedup_source set floor = ? where id = ?", (floor, source)
                )
            while deleted := self._delete_some(source, floor, oldest):
                rows += deleted
        return Purged(rows)

    def remembered(self) -> int:
        """Rows that say what was applied."""
        with self._lock:
            table = "quorate_dedup_event" if self._settings.by is Way.IDS else "quorate_dedup_key"
            found = self._connection.execute(f"select count(*) from {table}").fetchone()
        return int(found[0])

    def size_bytes(self) -> int:
        """Of the file's pages, free ones included."""
        with self._lock:
            (pages,) = self._connection.execute("pragma page_count").fetchone()
            (size,) = self._connection.execute("pragma page_size").fetchone()
        return int(pages) * int(size)

    def close(self) -> None:
        """Let go of the file, once no transaction is under way."""
        with self._lock:
            self._connection.close()

    def _source(self, tx: Tx, place: Partition) -> int:
        known = self._sources.get(place)
        if known is not None:
            return known
        named = (self._scope, place.topic, self._logs.get(place.topic, ""), place.number)
        tx.execute(
            "insert into quorate_dedup_source (scope, topic, log, number) values (?, ?, ?, ?)"
            " on conflict do nothing",
            named,
        )
        tx.execute(f"select id from quorate_dedup_source where {_SOURCE}", named)
        self._begun[place] = _number(tx)
        return self._begun[place]

    def _floors(self, tx: Tx, sources: Mapping[Partition, int]) -> dict[Partition, int]:
        marks = ", ".join("?" * len(sources))
        sql = f"select id, floor from quorate_dedup_source where id in ({marks})"
        found: dict[int, int] = dict(tx.execute(sql, list(sources.values())).fetchall())
        return {place: found[source] for place, source in sources.items()}

    def _added(
        self, tx: Tx, claims: Sequence[Claim], sources: Mapping[Partition, int]
    ) -> set[bytes]:
        rows = {(c.bucket, c.token): (c, sources[c.place]) for c in reversed(claims)}
        asked = [part for bucket, token in rows for part in (self._scope, bucket, token)]
        tx.execute(_SEEN.format(_values(len(rows), 3)), asked)
        seen = set(tx.fetchall())
        new = [(c, source) for row, (c, source) in rows.items() if row not in seen]
        tx.executemany(
            "insert into quorate_dedup_event values (?, ?, ?, ?, ?)",
            [(self._scope, c.token, c.bucket, source, c.offset) for c, source in new],
        )
        return {c.token for c, _ in new}

    def _delete_some(self, source: int, floor: int, oldest: int) -> int:
        with self.transaction() as tx:
            if self._settings.by is Way.IDS:
                tx.execute(
                    "delete from quorate_dedup_event where (scope, bucket, token) in"
                    " (select scope, bucket, token from quorate_dedup_event"
                    " where source = ? and bucket < ? and log_offset < ? limit ?)",
                    (source, oldest, floor, PURGE_ROWS),
                )
            else:
                tx.execute(
                    "delete from quorate_dedup_key where source = ? and token in"
                    " (select token from quorate_dedup_key"
                    " where source = ? and upto < ? limit ?)",
                    (source, source, floor, PURGE_ROWS),
                )
            return tx.rowcount


def _values(rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)


def _number(tx: Tx) -> int:
    ((number,),) = tx.fetchall()
    return int(number)
