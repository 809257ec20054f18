"""Each event once: what a database remembers of applied events, and when it may forget it.

What is remembered is written in the transaction of the effect itself, so that there is never one
without the other. Two ways:

- by keys: for each key how far it was applied. Keys end out of order within a partition, but each
  key's own records are applied in the order of the log, whoever has the partition; so one number
  for each key says it all, and no partition-wide one would.
- by ids: every event's own id. For events that may be in the log twice, at different offsets.

Beneath its floor, ``margin_records`` below the committed offset, nothing of a partition need be
remembered: everything there is done. The floor never sinks, and never is above a commit's offset.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Protocol, Self

from pydantic import Field

from blueprint.fleet_options import DedupRules
from blueprint.fleet_options import Way as Way
from blueprint.problem import SECRET
from fleet.record import KeyOf, Partition, Record
from fleet.retries import Poison

#: Two of 2^32 keys share a digest of so many bytes with a chance of 2^-65.
DIGEST_BYTES = 16
#: In which Debezium's event router puts the event's id.
ID_HEADER = "id"
#: Before the first record of a log.
NOWHERE = -1


#: As the database has it.
Row = tuple[Any, ...]


class DedupSettings(DedupRules):
    """How applied events are remembered, and where.

    Attributes:
        database: ``sqlite:PATH``, or what libpq takes for a PostgreSQL, without any password.
    """

    database: Annotated[str, Field(min_length=1, max_length=1024), SECRET]


class Standing(StrEnum):
    """What is known of an event.

    BENEATH: it is below what is remembered, so it was done before.
    """

    NEW = "new"
    APPLIED = "applied"
    BENEATH = "beneath"


@dataclass(frozen=True, slots=True)
class Claim:
    """One record that is about to be applied.

    Attributes:
        token: The digest of its key, or of its id.
        bucket: Of its time, by ids; 0 by keys.
    """

    place: Partition
    offset: int
    token: bytes
    bucket: int = 0


@dataclass(frozen=True, slots=True)
class Purged:
    """What one look has forgotten: rows, and whole buckets."""

    rows: int = 0
    buckets: int = 0


class Tx(Protocol):
    """The transaction that a handler's effects belong to: a cursor that neither ends nor begins."""

    @property
    def rowcount(self) -> int:
        """Rows of the last statement."""
        ...

    def execute(self, sql: str, values: object = None) -> Self:
        """Run a statement; values in the database's own style, ``%s`` or ``?``."""
        ...

    def executemany(self, sql: str, values: object) -> Self:
        """Run a statement for each of many values."""
        ...

    def fetchone(self) -> Row | None:
        """The next row of the last statement, or None."""
        ...

    def fetchall(self) -> list[Row]:
        """All rows that are left of the last statement."""
        ...


class Memory(Protocol):
    """A database that remembers; used by many threads."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """A transaction that is committed at its end, or rolled back by what is raised in it."""
        ...

    def claim(self, tx: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Remember records as applied, if the transaction is; says what was known of each before.

        The claims of one key come in the order of the log.
        """
        ...

    def purge(self, committed: Mapping[Partition, int], now_s: float) -> Purged:
        """Forget what no rewind within the margin can need.

        Args:
            committed: Offsets that the group has committed at some time.
            now_s: Seconds since 1970.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


#: What an event is known again by, the same at each delivery.
IdOf = Callable[[Record], bytes | str]
#: Makes the claim of a record.
ClaimOf = Callable[[Record], Claim]


def claims_by_key(key_of: KeyOf) -> ClaimOf:
    """Claims by the key that order is kept by; a record without one stands for itself."""

    def claim(record: Record) -> Claim:
        key, offset = key_of(record), record.offset()
        said = b"o%d" % offset if key is None else named_bytes(key)
        return Claim(Partition(record.topic(), record.partition()), offset, digest(said))

    return claim


def claims_by_id(id_of: IdOf, bucket_s: int) -> ClaimOf:
    """Claims by an event's own id; its bucket is of the record's own time, alike each time."""

    def claim(record: Record) -> Claim:
        place = Partition(record.topic(), record.partition())
        token, (_, time_ms) = digest(named_bytes(id_of(record))), record.timestamp()
        return Claim(place, record.offset(), token, max(0, time_ms) // (bucket_s * 1000))

    return claim


def own_id(record: Record) -> bytes | str:
    """The id that an outbox gave, else the record's place in the log."""
    for name, value in record.headers() or ():
        if name == ID_HEADER and value:
            return value
    return f"{record.topic()}/{record.partition()}/{record.offset()}"


def digest(said: bytes) -> bytes:
    """A key or an id in ``DIGEST_BYTES``."""
    return blake2b(said, digest_size=DIGEST_BYTES).digest()


def named_bytes(key: object) -> bytes:
    """A key or an id as bytes that no other has, in this process and any other.

    Raises:
        Poison: It is of a kind that says something else each time.
    """
    if isinstance(key, bytes):
        return b"b" + key
    if isinstance(key, str):
        return b"s" + key.encode("utf-8", "surrogatepass")
    if isinstance(key, bool | int):
        return b"i%d" % key
    if isinstance(key, tuple):
        parts = [named_bytes(part) for part in key]
        return b"t" + b"".join(b"%d:" % len(part) + part for part in parts)
    kind = type(key).__name__
    raise Poison(f"a key or id to be remembered is bytes, str, int or a tuple of them; got {kind}")


def floor_of(committed: int, margin_records: int, before: int) -> int:
    """Below which nothing need be remembered: never sinks, never comes near what is committed."""
    return max(before, committed - margin_records)


#: One key of one partition.
Head = tuple[Partition, bytes]
#: The first and the last offset of one key in a run.
Stretch = tuple[int, int]


def heads(claims: Sequence[Claim]) -> dict[Head, Stretch]:
    """From where and how far each key is applied; in one order whoever asks: no deadlocks."""
    found: dict[Head, Stretch] = {}
    for claim in claims:
        head, offset = (claim.place, claim.token), claim.offset
        known = found.get(head)
        found[head] = (offset, offset) if known is None else (known[0], offset)
    return dict(sorted(found.items()))


def judged_by_key(
    claims: Sequence[Claim], moved: Mapping[Head, int], floors: Mapping[Partition, int]
) -> list[Standing]:
    """What is known of each record.

    Args:
        claims: In the order of the log, for each key.
        moved: The keys that went on, and how far each had been applied before; anything below
            its first record here says the same.
        floors: As they are once ``moved`` is known: whoever forgets raises the floor first.
    """
    known: dict[Head, int] = dict(moved)
    standings = []
    for claim in claims:
        head = (claim.place, claim.token)
        upto = known.get(head)
        if claim.offset < floors[claim.place]:
            standings.append(Standing.BENEATH)
        elif upto is None or claim.offset <= upto:
            standings.append(Standing.APPLIED)
        else:
            known[head] = claim.offset
            standings.append(Standing.NEW)
    return standings


def judged_by_id(
    claims: Sequence[Claim], added: set[bytes], floors: Mapping[Partition, int]
) -> list[Standing]:
    """What is known of each record, once the ids that were not known are ``added``."""
    left, standings = set(added), []
    for claim in claims:
        if claim.offset < floors[claim.place]:
            standings.append(Standing.BENEATH)
        elif claim.token in left:
            left.discard(claim.token)
            standings.append(Standing.NEW)
        else:
            standings.append(Standing.APPLIED)
    return standings
