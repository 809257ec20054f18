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
    " upto integer not null, previous integer not null, primary key (source, token)) without rowid",
    "create table if not exists quorate_dedup_event (scope text not null, token blob not null,"
    " bucket integer not null, source integer not null, log_offset integer not null,"
    " primary key (scope, bucket, token)) without rowid",
    "create index if not exists quorate_dedup_event_age on quorate_dedup_event (source, bucket)",
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
            connection.execute("begin immediate")
            try:
                yield HeldTx(cast(Cursor, connection.cursor()))
                if not connection.in_transaction:
                    raise sqlite3.OperationalError("the transaction was rolled back by an error")
                connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("rollback")
                raise

    def claim(self, tx: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Remember records as applied, if the transaction is."""
        sources = {place: self._source(tx, place) for place in {c.place for c in claims}}
        floors = {place: self._floor(tx, source) for place, source in sources.items()}
        if self._settings.by is Way.IDS:
            added = {claim.token for claim in claims if self._added(tx, sources, claim)}
            return judged_by_id(claims, added, floors)
        moved: dict[Head, int] = {}
        for (place, token), upto in heads(claims).items():
            tx.execute(
                "insert into quorate_dedup_key as known values (?, ?, ?, ?)"
                " on conflict do update set previous = known.upto, upto = excluded.upto"
                " where known.upto < excluded.upto returning previous",
                (sources[place], token, upto, NOWHERE),
            )
            for (previous,) in tx.fetchall():
                moved[place, token] = previous
        return judged_by_key(claims, moved, floors)

    def purge(self, committed: Mapping[Partition, int], now_s: float) -> Purged:
        """Forget what no rewind within the margin can need."""
        rows = 0
        oldest = int(now_s - self._settings.keep_s) // self._settings.bucket_s
        for place, offset in committed.items():
            with self.transaction() as tx:
                source = self._source(tx, place)
                floor = floor_of(offset, self._settings.margin_records, self._floor(tx, source))
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
        # Not kept for later here: this transaction may still be rolled back.
        return _number(tx)

    def _floor(self, tx: Tx, source: int) -> int:
        tx.execute("select floor from quorate_dedup_source where id = ?", (source,))
        return _number(tx)

    def _added(self, tx: Tx, sources: Mapping[Partition, int], claim: Claim) -> bool:
        tx.execute(
            "insert into quorate_dedup_event values (?, ?, ?, ?, ?) on conflict do nothing",
            (self._scope, claim.token, claim.bucket, sources[claim.place], claim.offset),
        )
        return tx.rowcount == 1

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


def _number(tx: Tx) -> int:
    ((number,),) = tx.fetchall()
    return int(number)
