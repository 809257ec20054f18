"""What remembering costs: the same effects with and without dedup, and the table over time.

The lanes of a fleet on records that are made here: no Kafka, so that what is measured is the
handler's work, its effect and the memory of it. Contenders take turns, in the same process and
database; shares are of the medians. The database does not wait for the disk, which makes the
memory's part of the whole larger than it would be.
"""

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import methodcaller
from pathlib import Path
from typing import Annotated, cast

import psycopg
import typer
from confluent_kafka import Message

from fleet.crew import finished
from fleet.dealing import Dealer, runs_of
from fleet.dedup import (
    Claim,
    ClaimOf,
    DedupSettings,
    Memory,
    Standing,
    Tx,
    Way,
    claims_by_id,
    claims_by_key,
    own_id,
)
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.lane import Buried, LaneRules
from fleet.leases import Leases, Start
from fleet.once import Once
from fleet.record import Partition, Record, own_key
from fleet.retries import RetrySchedule
from fleet.run_lanes import run_crew
from fleet.signals import unheard
from fleet.waiting import Cause
from lab.postgres import Postgres

RESULTS = Path(__file__).parent / "results" / "fleet_dedup.json"
PARTITIONS, KEYS, THREADS = 12, 5_000, 16
#: As many records as a poll hands over at most with so many threads.
AT_ONCE = 1_024
WORK_US = 100
MARGIN = 20_000
BUCKET_S = 10
NO_DEDUP = "none"
FIRST_MS = 1_700_000_000_000
_VALUE = b"v" * 1024
PURGE_EVERY = 20_000
#: At each tenth of the long run the table is measured.
LOOKS = 10


Opened = SqliteMemory | PostgresMemory


class Unremembering:
    """The same database without any memory: what is claimed is always new."""

    def __init__(self, inner: Opened) -> None:
        """Take everything else of another."""
        self.transaction, self.purge, self.close = inner.transaction, inner.purge, inner.close

    def claim(self, _: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Nothing is known."""
        return [Standing.NEW] * len(claims)


class Log:
    """Records as the client gives them: 1 KB each, 10,000 of them for a second."""

    def __init__(self, keys: int) -> None:
        """Begin every partition at 0."""
        self._keys, self._made = keys, 0
        self.ends = dict.fromkeys(range(PARTITIONS), 0)

    def poll(self) -> list[Record]:
        """The next of them; a key is always in the same partition, as with any producer."""
        made = []
        for number in range(self._made, self._made + AT_ONCE):
            key = number * 7919 % self._keys
            place, stamp = key % PARTITIONS, (1, FIRST_MS + number // 10)
            offset, named = self.ends[place], b"k%d" % key
            made.append(Message("t", place, offset, named, _VALUE, timestamp=stamp))
            self.ends[place] += 1
        self._made += AT_ONCE
        return cast(list[Record], made)


def handler_of(mark: str, work_us: int) -> Callable[[Record, Tx], object]:
    """Computes for a while, then its effect is a row."""
    insert = f"insert into effects values ({mark}, {mark})"
    work_s = work_us / 1e6

    def handle(record: Record, tx: Tx) -> None:
        until_s = time.thread_time() + work_s
        while time.thread_time() < until_s:
            pass
        tx.execute(insert, (record.partition(), record.offset()))

    return handle


class Driver:
    """Lanes that are fed as a member feeds them: at most so much in flight."""

    def __init__(self, once: Once, threads: int, log: Log) -> None:
        """Make the lanes."""
        where = methodcaller("partition")
        rules = LaneRules(own_key, where, RetrySchedule(), _unburied, unheard)
        self.crew, self.leases, self.given = run_crew(threads, rules, once), Leases(), 0
        self.dealer = Dealer(self.leases, where, _place)
        places = {Partition("t", p): Start(at) for p, at in log.ends.items()}
        self.leases.grant(places, 0.0)
        self.leases.settle()
        self.crew.start()

    def give(self, found: Sequence[Record]) -> None:
        """Hand over one poll, once at most two are in flight."""
        while self.given - finished(self.crew.lanes).records > AT_ONCE:
            self.crew.await_room(0.05)
        admitted, spans = self.dealer.admit(found)
        assert len(admitted) == len(found)
        self.given += len(admitted)
        self.crew.give(runs_of(admitted, spans, len(self.crew.lanes), own_key))

    def drain(self) -> None:
        """Wait until everything is done, and end."""
        while self.given > finished(self.crew.lanes).records:
            self.crew.await_room(0.05)
        assert self.crew.end(10) == 0

    def committed(self) -> dict[Partition, int]:
        """What the group would have committed."""
        found = {lease.partition: lease.watermark.position() for lease in self.leases}
        return {place: offset for place, offset in found.items() if offset is not None}


def _place(place: Hashable) -> Partition:
    return Partition("t", cast(int, place))


def _unburied(record: Record, cause: Cause, _: Buried) -> None:
    raise RuntimeError(f"{record.offset()}: {cause.error}: {cause.text}")


def settings_of(way: Way) -> DedupSettings:
    """As a fleet would have it, with little to keep, so that the long run shows what stays."""
    said = {"by": way, "margin_records": MARGIN, "keep_s": BUCKET_S, "bucket_s": BUCKET_S}
    return DedupSettings.model_validate({"database": "any", "connections": THREADS} | said)


@contextmanager
def opened(database: str, way: Way) -> Iterator[Opened]:
    """A new memory, and a table of effects, gone at the end."""
    if database == "postgresql":
        server = Postgres.up(f"bench-{uuid.uuid4().hex[:8]}")
        try:
            memory = PostgresMemory(server.dsn, settings_of(way), "g", {})
            yield from _with_effects(memory)
        finally:
            server.down()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from _with_effects(SqliteMemory(Path(folder, "d.db"), settings_of(way), "g", {}))


def _with_effects(memory: Opened) -> Iterator[Opened]:
    with memory.transaction() as tx:
        tx.execute("create table effects (place int, log_offset int)")
    try:
        yield memory
    finally:
        memory.close()


def rate(memory: Memory, claim_of: ClaimOf, mark: str, count: int, log: Log) -> float:
    """Records per second of one contender."""
    driver = Driver(Once(handler_of(mark, WORK_US), memory, claim_of), THREADS, log)
    polls = [log.poll() for _ in range(0, count, AT_ONCE)]
    begun_s = time.perf_counter()
    for poll in polls:
        driver.give(poll)
    driver.drain()
    return len(polls) * AT_ONCE / (time.perf_counter() - begun_s)


def shares(database: str, runs: int, count: int) -> dict[str, object]:
    """The throughput that each way leaves of what there is without it."""
    mark, found = "%s" if database == "postgresql" else "?", dict[str, list[float]]()
    with opened(database, Way.KEYS) as keys, _second(database, keys) as ids:
        contenders: dict[str, tuple[Memory, ClaimOf]] = {
            NO_DEDUP: (cast(Memory, Unremembering(keys)), claims_by_key(own_key)),
            Way.KEYS.value: (keys, claims_by_key(own_key)),
            Way.IDS.value: (ids, claims_by_id(own_id, BUCKET_S)),
        }
        logs = {name: Log(KEYS) for name in contenders}
        for turn in range(runs + 1):
            for name, (memory, claim_of) in contenders.items():
                per_s = rate(memory, claim_of, mark, count, logs[name])
                # The first turn warms everything up.
                found.setdefault(name, []).extend([per_s] if turn else [])
                print(f"{database}, {name}: {per_s:,.0f}/s", flush=True)
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = {
        name: statistics.median(
            mine / plain for mine, plain in zip(values, found[NO_DEDUP], strict=True)
        )
        for name, values in found.items()
        if name != NO_DEDUP
    }
    return {"per_s": medians, "share_of_none": ratios}


@contextmanager
def _second(database: str, first: Opened) -> Iterator[Opened]:
    """Another memory, by ids, of the same database."""
    if isinstance(first, PostgresMemory):
        memory: Opened = PostgresMemory(first.dsn, settings_of(Way.IDS), "h", {})
        yield memory
        memory.close()
    else:
        with opened(database, Way.IDS) as memory:
            yield memory


def sizes(database: str, way: Way, events: int) -> list[int]:
    """Bytes of the memory at each tenth of a long run, purged as it goes; every key is new."""
    with opened(database, way) as memory:
        claim_of = claims_by_key(own_key) if way is Way.KEYS else claims_by_id(own_id, BUCKET_S)
        log = Log(1 << 40)
        driver = Driver(Once(lambda _, __: None, memory, claim_of), THREADS, log)
        found, each = [], events // LOOKS
        for number in range(0, events, AT_ONCE):
            driver.give(log.poll())
            if number // PURGE_EVERY != (number + AT_ONCE) // PURGE_EVERY:
                memory.purge(driver.committed(), FIRST_MS / 1000 + number / 10_000)
            if number // each != (number + AT_ONCE) // each:
                found.append(size_bytes(memory))
        driver.drain()
        print(f"{database}, {way}: {[f'{n / 1e6:.1f} MB' for n in found]}", flush=True)
        return found


def size_bytes(memory: Opened) -> int:
    """Of everything that remembers, free space in it included."""
    if isinstance(memory, SqliteMemory):
        return memory.size_bytes()
    with psycopg.connect(memory.dsn) as connection:
        found = connection.execute(
            "select sum(pg_total_relation_size(oid)) from pg_class"
            " where relname like 'quorate_dedup%' and relkind = 'r'"
        ).fetchone()
    return int(found[0]) if found else 0


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Rates, what is left of them, and how the size at the end compares with that early on."""
    lines = ["| database | way | records/s | share of none | size, end / second tenth |"]
    lines.append("|---|---|---|---|---|")
    for database, said in found.items():
        for way, per_s in said["per_s"].items():
            share, flat = said["share_of_none"].get(way), said["growth"].get(way)
            cells = [f"{share:.0%}" if share else "", f"{flat:.2f}" if flat else ""]
            lines.append(f"| {database} | {way} | {per_s:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    count: Annotated[int, typer.Option(min=AT_ONCE)] = 20_480,
    events: Annotated[int, typer.Option(min=10 * AT_ONCE)] = 1_000_000,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure both databases, both ways."""
    found: dict[str, dict[str, object]] = {}
    for database in ("postgresql", "sqlite"):
        found[database] = shares(database, runs, count)
        long_run = {way.value: sizes(database, way, events) for way in Way}
        found[database]["size_bytes"] = long_run
        found[database]["growth"] = {way: s[-1] / s[1] for way, s in long_run.items()}
    said = {"work_us": WORK_US, "threads": THREADS, "runs": runs, "events": events, **found}
    out.write_text(json.dumps(said, indent=1) + "\n")
    text = table(cast(Mapping[str, Mapping[str, Mapping[str, float]]], found))
    parts = [f"# Dedup at {WORK_US} us of work, median of {runs}", *([note] if note else []), text]
    out.with_suffix(".md").write_text("\n\n".join(part.strip() for part in parts) + "\n")
    print(text)


if __name__ == "__main__":
    typer.run(main)
