"""What remembering costs: the same effects with and without dedup, and the table over time.

The lanes of a fleet on records that are made here: no Kafka, so that what is measured is the
handler's work, its effect and the memory of it. Contenders take turns, in the same process and
database; shares are of the medians. The database does not wait for the disk, which makes the
memory's part of the whole larger than it would be.
"""

import json
import os
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import psutil
import psycopg
import typer

from bench.dedup_load import AT_ONCE, FIRST_MS, Driver, Log, Opened, Unremembering, handler_of
from bench.sections import table_of
from fleet.dedup import (
    ClaimOf,
    DedupSettings,
    Memory,
    Way,
    claims_by_id,
    claims_by_key,
    own_id,
)
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.once import Once
from fleet.record import own_key
from lab import process
from lab.postgres import Postgres
from lab.tools.postgres import databases_root

RESULTS = Path(__file__).parent / "results" / "fleet_dedup.json"
KEYS, THREADS = 5_000, 16
WORK_US = 100
MARGIN = 4_000
BUCKET_S = 10
NO_DEDUP = "none"
HEADS = ("database", "way", "records/s", "share of none", "CPU, us", "CPU, none / way", "growth")
#: Of the databases of this process.
RUN = f"bench-{os.getpid()}"
PURGE_EVERY = 20_000
#: At each tenth of the long run the table is measured.
LOOKS = 10


def settings_of(way: Way) -> DedupSettings:
    """As a fleet would have it, with little to keep, so that the long run shows what stays."""
    said = {"by": way, "margin_records": MARGIN, "keep_s": BUCKET_S, "bucket_s": BUCKET_S}
    return DedupSettings.model_validate({"database": "any", "connections": THREADS} | said)


@contextmanager
def opened(database: str, way: Way) -> Iterator[Opened]:
    """A new memory, and a table of effects, gone at the end."""
    if database == "postgresql":
        server = Postgres.up(f"{RUN}-{uuid.uuid4().hex[:8]}")
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


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender's turn.

    Attributes:
        cpu_us: Of one record, in this process and in the database's: other work on the machine
            makes everything slower, and this hardly larger.
    """

    per_s: float
    cpu_us: float


def measure(memory: Memory, claim_of: ClaimOf, mark: str, count: int, log: Log) -> Measured:
    """Let one contender take its turn."""
    driver = Driver(Once(handler_of(mark, WORK_US), memory, claim_of), THREADS, log)
    polls = [log.poll() for _ in range(0, count, AT_ONCE)]
    begun_s, busy_s = time.perf_counter(), _busy_s()
    for poll in polls:
        driver.give(poll)
    driver.drain()
    done = len(polls) * AT_ONCE
    return Measured(done / (time.perf_counter() - begun_s), (_busy_s() - busy_s) / done * 1e6)


def _busy_s() -> float:
    """CPU time of this process and of every server of a database that belongs to this run."""
    found = time.process_time()
    for server in process.find_all(f"{databases_root()}/{RUN}"):
        for each in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                found += sum(each.cpu_times()[:2])
    return found


def shares(database: str, runs: int, count: int) -> dict[str, object]:
    """The throughput that each way leaves of what there is without it."""
    mark, found = "%s" if database == "postgresql" else "?", defaultdict[str, list[Measured]](list)
    with opened(database, Way.KEYS) as keys, _second(database, keys) as ids:
        contenders: dict[str, tuple[Memory, ClaimOf]] = {
            NO_DEDUP: (cast(Memory, Unremembering(keys)), claims_by_key(own_key)),
            Way.KEYS.value: (keys, claims_by_key(own_key)),
            Way.IDS.value: (ids, claims_by_id(own_id, BUCKET_S)),
        }
        logs = {name: Log(KEYS) for name in contenders}
        for turn in range(runs + 1):
            for name, (memory, claim_of) in contenders.items():
                took = measure(memory, claim_of, mark, count, logs[name])
                # The first turn warms everything up.
                found[name] += [took] if turn else []
                print(f"{database}, {name}: {took.per_s:,.0f}/s, {took.cpu_us:.1f} us", flush=True)
    cpu_us = {name: statistics.median(t.cpu_us for t in turns) for name, turns in found.items()}
    ratios = {
        name: statistics.median(
            mine.per_s / plain.per_s for mine, plain in zip(turns, found[NO_DEDUP], strict=True)
        )
        for name, turns in found.items()
        if name != NO_DEDUP
    }
    cpu_ratios = {
        name: statistics.median(
            plain.cpu_us / mine.cpu_us for mine, plain in zip(turns, found[NO_DEDUP], strict=True)
        )
        for name, turns in found.items()
    }
    medians = {name: statistics.median(t.per_s for t in turns) for name, turns in found.items()}
    ratios_of = {"share_of_none": ratios, "cpu_share_of_none": cpu_ratios}
    return {"per_s": medians, "cpu_us": cpu_us, **ratios_of}


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
    """Rates, what is left of them, and how the size at the end compares with that half-way."""
    rows = []
    for database, said in found.items():
        for way, per_s in said["per_s"].items():
            share, flat = said["share_of_none"].get(way), said["growth"].get(way)
            cpu_us = said["cpu_us"][way]
            cells = [f"{share:.0%}" if share else "", f"{cpu_us:.1f}"]
            cells.append(f"{said['cpu_share_of_none'][way]:.0%}")
            cells.append(f"{flat:.2f}" if flat else "")
            rows.append([database, way, f"{per_s:,.0f}", *cells])
    return table_of(HEADS, rows)


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
        found[database]["growth"] = {way: s[-1] / s[LOOKS // 2] for way, s in long_run.items()}
    said = {"work_us": WORK_US, "threads": THREADS, "runs": runs, "events": events, **found}
    out.write_text(json.dumps(said, indent=1) + "\n")
    text = table(cast(Mapping[str, Mapping[str, Mapping[str, float]]], found))
    parts = [f"# Dedup at {WORK_US} us of work, median of {runs}", *([note] if note else []), text]
    out.with_suffix(".md").write_text("\n\n".join(part.strip() for part in parts) + "\n")
    print(text)


if __name__ == "__main__":
    typer.run(main)
