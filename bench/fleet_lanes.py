"""Lanes against a plain loop and against the parallel consumers of Java and Python.

Same machine, same cluster, same topic (records of 1 KB of JSON, zstd, 12 partitions, 20,000 keys),
same number in flight, one contender at a time, each in a fresh process and group. Times count from
``WARM_S`` after the first record, so that no one pays for starting.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.fleet_tools import java_driver, pyrallel_driver
from lab.cluster import Lab
from lab.config import LabConfig

RESULTS = Path(__file__).parent / "results" / "fleet_lanes.json"
PARTITIONS, KEYS, RECORDS = 12, 20_000, 3_000_000
WARM_S = 2.0
_END_S = 90.0
#: Kinds of work and milliseconds of each record.
WORKS = (("wait", 0.0), ("wait", 0.1), ("wait", 1.0), ("wait", 5.0), ("wait", 10.0), ("cpu", 0.1))
IN_FLIGHT = (16, 256, 1000)
OURS = ("threads", "tasks", "2 processes")
PEERS = ("java", "pyrallel")
CONTENDERS = ("sequential", *OURS, *PEERS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of work at one concurrency."""

    kind: str
    work_ms: float
    in_flight: int

    def __str__(self) -> str:
        return f"{self.work_ms:g} ms {self.kind}, {self.in_flight}"


Samples = Sequence[tuple[float, int]]


def rate(runs: Sequence[Samples]) -> float:
    """Records per second of processes that worked at the same time, once they were warm."""
    found = [_moving(samples) for samples in runs if samples]
    if not found:
        return 0.0
    begin_s = max(samples[0][0] for samples in found)
    end_s = min(samples[-1][0] for samples in found)
    warm_s = begin_s + WARM_S if end_s - begin_s > 1.5 * WARM_S else begin_s
    done = sum(_at(samples, end_s) - _at(samples, warm_s) for samples in found)
    return done / max(end_s - warm_s, 1e-9)


def _moving(samples: Samples) -> Samples:
    """Up to the last record: a topic read to its end says nothing more."""
    last = samples[-1][1]
    return samples[: next(n for n, (_, count) in enumerate(samples) if count == last) + 1]


def _at(samples: Samples, at_s: float) -> float:
    for (left_s, left), (right_s, right) in itertools.pairwise(samples):
        if left_s <= at_s <= right_s:
            return left + (right - left) * (at_s - left_s) / max(right_s - left_s, 1e-9)
    return float(samples[-1][1])


def fill(servers: str, topic: str) -> None:
    """Write what all contenders read."""
    admin = AdminClient({"bootstrap.servers": servers})
    new = [NewTopic(topic, PARTITIONS, 1), NewTopic(f"{topic}-dead-letter", 1, 1)]
    for future in admin.create_topics(new).values():
        future.result(30)
    settings = {"linger.ms": 50, "batch.size": 1_000_000, "compression.type": "zstd"}
    producer = Producer({"bootstrap.servers": servers, **settings})
    value = json.dumps({f"field-{n}": n * 7919 for n in range(48)}).ljust(1024)[:1024]
    for number in range(RECORDS):
        while True:
            try:
                producer.produce(topic, value, f"k{number * 7919 % KEYS}")
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    assert producer.flush(300) == 0


def measure(servers: str, topic: str, contender: str, cell: Cell, span_s: float) -> float:
    """Records per second of one contender; 0 when it handled nothing.

    Raises:
        TimeoutError: It did not end.
    """
    commands, extra = _commands(contender, cell)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    given = [servers, topic, group, cell.kind, str(cell.work_ms)]
    each = str(max(1, cell.in_flight // len(commands)))
    running = [
        subprocess.Popen(
            [*command, *given, each, str(span_s)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | extra,
            text=True,
        )
        for command in commands
    ]
    try:
        said = [process.communicate(timeout=span_s + _END_S)[0] for process in running]
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{contender} did not end at {cell}") from None
    finally:
        for process in running:
            process.kill()
    return rate([json.loads(text)["samples"] for text in said if text.strip()])


def _commands(contender: str, cell: Cell) -> tuple[list[list[str]], dict[str, str]]:
    ours = [sys.executable, "-m", "bench.fleet_driver"]
    if contender == "java":
        return [java_driver()], {}
    if contender == "pyrallel":
        command, extra = pyrallel_driver()
        return [command], extra
    if contender == "2 processes":
        # Handlers that wait are cheapest as tasks where there are many of them.
        kind = (
            "tasks"
            if cell.kind == "wait" and cell.work_ms >= 1 and cell.in_flight > 16
            else "threads"
        )
        return [[*ours, kind]] * 2, {}
    return [[*ours, contender]], {}


def table(found: dict[str, dict[str, float]]) -> str:
    """Rates in records per second, and the best of ours against each peer."""
    lines = [
        "| work, in flight | "
        + " | ".join(CONTENDERS)
        + " | ours/java | ours/pyrallel | ours/sequential |",
        "|---|" + "---|" * (len(CONTENDERS) + 3),
    ]
    for cell, rates in found.items():
        best = max(rates.get(name, 0.0) for name in OURS)
        cells = [f"{rates[name]:,.0f}" if name in rates else "" for name in CONTENDERS]
        ratios = [_ratio(best, rates.get(name)) for name in (*PEERS, "sequential")]
        lines.append(f"| {cell} | " + " | ".join([*cells, *ratios]) + " |")
    return "\n".join(lines) + "\n"


def _ratio(best: float, other: float | None) -> str:
    return f"{best / other:.1f}x" if other else ""


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    span_s: Annotated[float, typer.Option(min=2)] = 8.0,
    only: Annotated[list[str] | None, typer.Option(help="contenders")] = None,
    works: Annotated[list[str] | None, typer.Option(help="such as wait:1")] = None,
    in_flight: Annotated[list[int] | None, typer.Option()] = None,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure every cell; the medians are what is written."""
    chosen = [(k, float(ms)) for k, ms in (w.split(":") for w in works)] if works else WORKS
    cells = [Cell(kind, ms, n) for kind, ms in chosen for n in (in_flight or IN_FLIGHT)]
    found: dict[str, dict[str, list[float]]] = {str(cell): {} for cell in cells}
    lab = Lab.up(LabConfig(name="bench-lanes", quick_start=False))
    try:
        servers, topic = lab.outputs.bootstrap_servers["a"], "lanes"
        began_s = time.monotonic()
        fill(servers, topic)
        print(f"filled in {time.monotonic() - began_s:.0f} s", flush=True)
        for _, cell, contender in itertools.product(range(runs), cells, only or CONTENDERS):
            if contender == "sequential" and cell.in_flight != cells[0].in_flight:
                continue
            took = measure(servers, topic, contender, cell, span_s)
            found[str(cell)].setdefault(contender, []).append(took)
            print(f"{cell}: {contender} {took:,.0f}/s", flush=True)
    finally:
        lab.down()
    medians = {
        name: {contender: statistics.median(took) for contender, took in rates.items()}
        for name, rates in found.items()
    }
    for kind, ms in chosen:
        alike = [str(cell) for cell in cells if (cell.kind, cell.work_ms) == (kind, ms)]
        for name in alike[1:]:
            if "sequential" in medians[alike[0]]:
                medians[name]["sequential"] = medians[alike[0]]["sequential"]
    out.write_text(json.dumps({"runs": runs, "span_s": span_s, "rates": medians}, indent=1) + "\n")
    heading = f"# Records per second, median of {runs}\n\n" + (f"{note}\n\n" if note else "")
    out.with_suffix(".md").write_text(heading + table(medians))
    print(table(medians))


if __name__ == "__main__":
    typer.run(main)
