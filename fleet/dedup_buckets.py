"""The ids of applied events, in PostgreSQL's own partitions by time: forgotten by dropping one."""

from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

Connection = psycopg.Connection[tuple[object, ...]]
TABLE = "quorate_dedup_event"
#: Dropping one waits for handlers' transactions, and new ones wait for it; at most for so long.
DROP_WAIT_MS = 500
#: More partitions than this make every statement slow; events this far apart are no stream.
MOST_BUCKETS = 2_000
#: Of the advisory lock under which buckets are made and dropped.
_LOCK = 0x71756F72
_PARENT = f"""create table if not exists {TABLE} (bucket bigint not null, scope text not null,
    token bytea not null, source int not null, log_offset bigint not null,
    primary key (bucket, scope, token)) partition by range (bucket)"""
_ATTACHED = """select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = to_regclass(%s)"""


#: No statement that still runs has begun before the floor ``s`` was raised: each one sees it. A
#: snapshot that does not see a transaction has that one, or an older, for its oldest.
SETTLED: LiteralString = """(s.raised is null or not exists (select from pg_stat_activity a
    where a.backend_xmin is not null and a.pid <> pg_backend_pid()
    and age(a.backend_xmin) >= age(s.raised)))"""


class TooManyBuckets(Exception):
    """Events' own times are too far apart for buckets of this width."""


class Buckets:
    """The partitions that exist; changed by one thread at a time."""

    def __init__(self, bucket_s: int) -> None:
        """Begin knowing none."""
        self._bucket_s = bucket_s
        self._known: frozenset[int] = frozenset()

    def prepare(self, connection: Connection, now_s: float) -> None:
        """Make the table, and the partitions of this time and the next."""
        with connection.transaction():
            _locked(connection)
            connection.execute(_PARENT)
        self.make(connection, self._ahead(now_s))

    def known(self, buckets: set[int]) -> bool:
        """Whether some are known to exist; any thread may ask."""
        return buckets <= self._known

    def forget(self) -> None:
        """One that was known is gone: look again at all."""
        self._known = frozenset()

    def drop(self, connection: Connection, before_s: float, now_s: float) -> int:
        """Drop what ended before a time and holds nothing at or above a floor.

        Returns:
            How many were dropped. One that handlers hold for long is left for the next time.
        """
        self._known = frozenset()
        self.make(connection, self._ahead(now_s))
        first_kept = int(before_s) // self._bucket_s
        old = sorted(bucket for bucket in self._known if bucket < first_kept)
        dropped = {bucket for bucket in old if _dropped(connection, bucket)}
        self._known -= dropped
        return len(dropped)

    def _ahead(self, now_s: float) -> set[int]:
        now = int(now_s) // self._bucket_s
        return {now, now + 1}

    def make(self, connection: Connection, buckets: set[int]) -> None:
        """See that some exist.

        Raises:
            TooManyBuckets: There would be more than PostgreSQL can be quick with.
        """
        if buckets <= self._known:
            return
        with connection.transaction():
            _locked(connection)
            found = {_number(name) for name in _attached(connection)}
            if len(found | buckets) > MOST_BUCKETS:
                raise TooManyBuckets(
                    f"events' times need more than {MOST_BUCKETS:,} buckets; set bucket_s higher"
                )
            for bucket in sorted(buckets - found):
                _attach(connection, bucket)
        self._known = frozenset(found | buckets)


def _locked(connection: Connection) -> None:
    connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))


def _attached(connection: Connection) -> list[str]:
    return [cast(str, name) for (name,) in connection.execute(_ATTACHED, (TABLE,))]


def _attach(connection: Connection, bucket: int) -> None:
    # Made apart and attached: that lets other transactions go on, which PARTITION OF would not.
    child, parent = sql.Identifier(_name(bucket)), sql.Identifier(TABLE)
    connection.execute(sql.SQL("create table {} (like {} including all)").format(child, parent))
    bounds = sql.SQL("alter table {} attach partition {} for values from ({}) to ({})")
    connection.execute(bounds.format(parent, child, bucket, bucket + 1))


def _dropped(connection: Connection, bucket: int) -> bool:
    child = sql.Identifier(_name(bucket))
    # A look without a lock first: most of what cannot go yet shows that at once.
    if _needed(connection, child):
        return False
    try:
        with connection.transaction():
            _locked(connection)
            connection.execute(f"set local lock_timeout = {DROP_WAIT_MS:d}")
            exclusive = sql.SQL("lock table {} in access exclusive mode")
            connection.execute(exclusive.format(sql.Identifier(TABLE)))
            if _needed(connection, child):
                return False
            connection.execute(sql.SQL("drop table if exists {}").format(child))
    except LockNotAvailable:
        return False
    return True


def _needed(connection: Connection, child: sql.Identifier) -> bool:
    if connection.execute("select to_regclass(%s)", (child.as_string(),)).fetchone() == (None,):
        return False
    above = sql.SQL(
        "select 1 from {} e join quorate_dedup_source s on s.id = e.source"
        f" where e.log_offset >= s.floor or not {SETTLED} limit 1"
    )
    return connection.execute(above.format(child)).fetchone() is not None


def _name(bucket: int) -> str:
    return f"{TABLE}_{bucket}"


def _number(name: str) -> int:
    return int(name.removeprefix(f"{TABLE}_"))
