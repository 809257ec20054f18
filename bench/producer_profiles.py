"""Producers tuned for each goal, beside Kafka's own perf-test and beside no batching.

JSON records of about 1 KB are written as quickly as each can to three zones on this machine, all
acknowledged by a majority. Ours may have as much unacknowledged as Kafka's may (32 MB), so a time
is that of a full buffer: half of it is queue. The ratio is that of the partitions on disk.
"""

import itertools
import json
import random
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from bench.zone import drop_topic, make_topic
from blueprint.client_settings import Goal, Setting, producer_settings
from blueprint.failover_profile import DEFAULT_PROFILE, PROFILES
from fleet.buffer import BufferBounds, FullPolicy
from fleet.delivery import Delivery
from fleet.producer import FleetProducer
from fleet.signals import unheard
from fleet.spill import Outgoing
from lab.cluster import Lab
from lab.config import LabConfig
from lab.equipment import have_tools

RESULTS = Path(__file__).parent / "results" / "producer_profiles.md"
PARTITIONS, REPLICAS, VALUES, SEED = 12, 3, 5000, 7
_BUFFER = BufferBounds(records=1_000_000, bytes=32 << 20)
#: Every so many records one is timed; more would slow what is measured.
_TIMED = 50
_TIMEOUT_S = 300.0
#: Kafka's own producer: its defaults, the article's 64 KB and 10 ms, and what we use at most.
JAVA: Mapping[str, Mapping[str, str]] = {
    "Kafka's perf-test, defaults": {},
    "Kafka's perf-test, 64 KB, 10 ms, zstd": {
        "batch.size": "65536",
        "linger.ms": "10",
        "compression.type": "zstd",
    },
    "Kafka's perf-test, 1 MB, 20 ms, zstd": {
        "batch.size": "1000000",
        "linger.ms": "20",
        "compression.type": "zstd",
    },
}
_UNBATCHED: Mapping[str, Setting] = {
    "linger.ms": 0,
    "batch.num.messages": 1,
    "compression.type": "none",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One producer, once.

    Attributes:
        ratio: Bytes of the values over bytes on disk.
    """

    name: str
    records_per_s: float
    p50_ms: float
    p99_ms: float
    ratio: float


def values(draw: random.Random) -> list[bytes]:
    """Orders as JSON of about 1 KB, of which zstd takes off some 70 %."""
    states = ("created", "paid", "shipped", "returned", "settled")
    return [
        json.dumps(
            {
                "order": draw.randrange(10**12),
                "items": [
                    {
                        "sku": f"sku-{draw.randrange(10**6)}",
                        "state": draw.choice(states),
                        "cents": draw.randrange(10**5),
                    }
                    for _ in range(18)
                ],
            }
        ).encode()
        for _ in range(VALUES)
    ]


class Bench:
    """One lab and the records that everyone writes."""

    def __init__(self, lab: Lab) -> None:
        """Make the records."""
        self._lab, self._values = lab, values(random.Random(SEED))
        self._servers = lab.outputs.bootstrap_servers["a"]

    def ours(self, name: str, settings: Mapping[str, Setting], records: int) -> Row:
        """A ``FleetProducer`` that blocks when its buffer is full."""
        return self._measured(name, records, lambda topic: self._send(topic, settings, records))

    def java(self, name: str, settings: Mapping[str, str], records: int) -> Row:
        """Kafka's own ``ProducerPerformance``."""
        return self._measured(name, records, lambda topic: self._perf(topic, settings, records))

    def settings(self, goal: Goal) -> dict[str, Setting]:
        """The blueprint's, of a goal."""
        return producer_settings(PROFILES[DEFAULT_PROFILE], self._servers, goal)

    def _measured(self, name: str, records: int, write: Callable[[str], Row]) -> Row:
        topic = f"producers-{uuid.uuid4().hex[:8]}"
        make_topic(self._lab, topic, PARTITIONS)
        row = write(topic)
        size = statistics.fmean(map(len, self._values)) * records * REPLICAS
        logs = self._lab.plan.state.data.glob(f"*/{topic}-[0-9]*/*.log")
        stored = sum(path.stat().st_size for path in logs)
        drop_topic(self._lab, topic)
        return replace(row, name=name, ratio=size / stored)

    def _send(self, topic: str, settings: Mapping[str, Setting], records: int) -> Row:
        producer = FleetProducer(settings, FullPolicy.BLOCK, _BUFFER, tell=unheard)
        times_ms: list[float] = []

        def timed() -> Callable[[Delivery], None]:
            began_s = time.monotonic()
            return lambda _: times_ms.append(1000 * (time.monotonic() - began_s))

        began_s = time.monotonic()
        for number, value in zip(range(records), itertools.cycle(self._values), strict=False):
            on_delivery = timed() if number % _TIMED == 0 else None
            producer.send(Outgoing(topic, value), on_delivery, _TIMEOUT_S)
        figures = producer.close(_TIMEOUT_S)
        taken_s = time.monotonic() - began_s
        assert figures.delivered == records, figures
        cuts = statistics.quantiles(times_ms, n=100)
        return Row("", records / taken_s, cuts[49], cuts[98], 0.0)

    def _perf(self, topic: str, settings: Mapping[str, str], records: int) -> Row:
        jvm = have_tools().jvm.with_quick_start(False)
        command = jvm.command("org.apache.kafka.tools.ProducerPerformance", 512)
        own = {"bootstrap.servers": self._servers, "acks": "all", **settings}
        with tempfile.NamedTemporaryFile("wb", suffix=".json") as payload:
            payload.write(b"\n".join(self._values))
            payload.flush()
            command += ["--topic", topic, "--num-records", str(records), "--throughput", "-1"]
            command += ["--payload-file", payload.name, "--producer-props"]
            command += [f"{key}={value}" for key, value in own.items()]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        assert done.returncode == 0, done.stderr[-1000:]
        return parsed(done.stdout)


def parsed(said: str) -> Row:
    """The perf-test's last line: records, records a second, and its percentiles in ms."""
    last = [line for line in said.splitlines() if "99.9th" in line][-1]
    fields = [part.strip() for part in last.split(",")]
    rate = next(float(f.split()[0]) for f in fields if "records/sec" in f)
    p50, p99 = (
        float(next(f for f in fields if f.endswith(n)).split()[0]) for n in ("50th", "99th")
    )
    return Row("", rate, p50, p99, 0.0)


def medians(rows: list[Row]) -> Row:
    """Each figure's own median."""
    fields = {
        name: statistics.median(getattr(row, name) for row in rows)
        for name in ("records_per_s", "p50_ms", "p99_ms", "ratio")
    }
    return Row(rows[0].name, **fields)


def table(rows: list[Row]) -> str:
    """Markdown in the article's form."""
    unbatched = next(row for row in rows if row.name == "no batching")
    lines = [
        "| producer | msg/s | over no batching | p50 ms | p99 ms | compression on JSON |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.name} | {row.records_per_s:,.0f} "
        f"| {row.records_per_s / unbatched.records_per_s:.1f}x "
        f"| {row.p50_ms:,.0f} | {row.p99_ms:,.0f} | {row.ratio:.1f}x |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    records: Annotated[int, typer.Option(min=1000)] = 400_000,
    unbatched: Annotated[int, typer.Option(min=100)] = 20_000,
    note: str = "",
    out: Path = RESULTS,
) -> None:
    """Measure all in turn, several times; medians are what is written."""
    lab = Lab.up(LabConfig(name="bench-producers", quick_start=False))
    found: dict[str, list[Row]] = {}
    try:
        bench = Bench(lab)
        for run in range(runs):
            rows = [bench.java(name, settings, records) for name, settings in JAVA.items()]
            rows += [bench.ours(f"`{goal}`", bench.settings(goal), records) for goal in Goal]
            bare = bench.settings(Goal.LATENCY) | dict(_UNBATCHED)
            rows.append(bench.ours("no batching", bare, unbatched))
            for row in rows:
                found.setdefault(row.name, []).append(row)
                print(run, json.dumps(asdict(row)), flush=True)
    finally:
        lab.down()
    head = (
        f"Medians of {runs}, {records:,} records each ({unbatched:,} without batching). {note}\n\n"
    )
    out.write_text(f"{head.strip()}\n\n{table([medians(rows) for rows in found.values()])}")


if __name__ == "__main__":
    typer.run(main)
