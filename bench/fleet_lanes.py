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
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.fleet_tools import java_driver, pyrallel_driver
from bench.sections import table_of
from lab.cluster import Lab
from lab.config import LabConfig

RESULTS = Path(__file__).parent / "results" / "fleet_lanes.json"
PARTITIONS, KEYS, RECORDS = 12, 20_000, 3_000_000
WARM_S = 3.0
#: Up to so many in flight threads are the cheaper lanes.
THREADS_DO = 64
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


def fill(servers: str, topic: str, records: int = RECORDS) -> None:
    """Write what all contenders read."""
    admin = AdminClient({"bootstrap.servers": servers})
    new = [NewTopic(topic, PARTITIONS, 1), NewTopic(f"{topic}-dead-letter", 1, 1)]
    for future in admin.create_topics(new).values():
        future.result(30)
    settings = {"linger.ms": 50, "batch.size": 1_000_000, "compression.type": "zstd"}
    producer = Producer({"bootstrap.servers": servers, **settings})
    value = json.dumps({f"field-{n}": n * 7919 for n in range(48)}).ljust(1024)[:1024]
    for number in range(records):
        while True:
            try:
                producer.produce(topic, value, f"k{number * 7919 % KEYS}")
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    assert producer.flush(300) == 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender at one cell.

    Attributes:
        per_s: Records per second; 0 when it handled nothing.
        cpu_us: CPU time of one record, of its whole process, where the contender says it.
    """

    per_s: float
    cpu_us: float | None


def measure(servers: str, topic: str, contender: str, cell: Cell, span_s: float) -> Measured:
    """Let one contender work.

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
    found = [json.loads(text) for text in said if text.strip()]
    cpu_us = [each["cpu_us_per_record"] for each in found if each.get("cpu_us_per_record")]
    per_s = rate([each["samples"] for each in found])
    return Measured(per_s, statistics.mean(cpu_us) if cpu_us else None)


def _commands(contender: str, cell: Cell) -> tuple[list[list[str]], dict[str, str]]:
    ours = [sys.executable, "-m", "bench.fleet_driver"]
    if contender == "java":
        return [java_driver()], {}
    if contender == "pyrallel":
        command, extra = pyrallel_driver()
        return [command], extra
    if contender == "2 processes":
        # Handlers that wait are cheapest as tasks where there are many of them.
        many = cell.work_ms >= 1 and cell.in_flight > THREADS_DO
        kind = "tasks" if cell.kind == "wait" and many else "threads"
        return [[*ours, kind]] * 2, {}
    return [[*ours, contender]], {}


Rates = dict[str, dict[str, float]]


def table(found: Rates) -> str:
    """Rates in records per second, and the best of ours against each peer."""
    ratios = [*PEERS, "sequential"]
    names = ["work, in flight", *CONTENDERS, *(f"ours/{name}" for name in ratios)]
    rows = []
    for cell, rates in found.items():
        best = max(rates.get(name, 0.0) for name in OURS)
        cells = [f"{rates[name]:,.0f}" if name in rates else "" for name in CONTENDERS]
        rows.append([cell, *cells, *(_ratio(best, rates.get(name)) for name in ratios)])
    return table_of(names, rows)


def cpu_table(found: Rates) -> str:
    """Microseconds of CPU of one record, the client's and the broker connection's included."""
    names = [name for name in CONTENDERS if any(name in cell for cell in found.values())]
    rows = [
        [cell, *(f"{cpu_us[n]:.2f}" if n in cpu_us else "" for n in names)]
        for cell, cpu_us in found.items()
    ]
    return table_of(["work, in flight", *names], rows)


def _ratio(best: float, other: float | None) -> str:
    return f"{best / other:.1f}x" if other else ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, in which order; the plain loop knows no concurrency and runs once."""

    cells: tuple[Cell, ...]
    contenders: tuple[str, ...]
    runs: int
    span_s: float

    def steps(self) -> list[tuple[Cell, str]]:
        """One contender after the other at each cell, all of it ``runs`` times."""
        first = self.cells[0].in_flight
        every = itertools.product(range(self.runs), self.cells, self.contenders)
        return [(c, who) for _, c, who in every if who != "sequential" or c.in_flight == first]

    def medians(self, found: Mapping[tuple[Cell, str], Sequence[float]]) -> Rates:
        """The median of each, by cell and contender."""
        known = {key: statistics.median(values) for key, values in found.items() if values}
        first = self.cells[0].in_flight
        rates: Rates = {}
        for cell, who in itertools.product(self.cells, self.contenders):
            at = replace(cell, in_flight=first) if who == "sequential" else cell
            if (at, who) in known:
                rates.setdefault(str(cell), {})[who] = known[at, who]
        return rates


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    span_s: Annotated[float, typer.Option(min=2)] = 9.0,
    only: Annotated[list[str] | None, typer.Option(help="contenders")] = None,
    works: Annotated[list[str] | None, typer.Option(help="such as wait:1")] = None,
    in_flight: Annotated[list[int] | None, typer.Option()] = None,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure every cell; the medians are what is written."""
    chosen = [(k, float(ms)) for k, ms in (w.split(":") for w in works)] if works else WORKS
    cells = tuple(Cell(kind, ms, n) for kind, ms in chosen for n in (in_flight or IN_FLIGHT))
    plan = Plan(cells, tuple(only or CONTENDERS), runs, span_s)
    rates: dict[tuple[Cell, str], list[float]] = defaultdict(list)
    cpus: dict[tuple[Cell, str], list[float]] = defaultdict(list)
    lab = Lab.up(LabConfig(name="bench-lanes", quick_start=False))
    try:
        servers, topic = lab.outputs.bootstrap_servers["a"], "lanes"
        fill(servers, topic)
        for cell, contender in plan.steps():
            took = measure(servers, topic, contender, cell, span_s)
            rates[cell, contender].append(took.per_s)
            cpus[cell, contender] += [took.cpu_us] if took.cpu_us else []
            print(f"{cell}: {contender} {took.per_s:,.0f}/s, {took.cpu_us or 0:.2f} us", flush=True)
    finally:
        lab.down()
    found, cpu_us = plan.medians(rates), plan.medians(cpus)
    said = {"runs": runs, "span_s": span_s, "rates_per_s": found, "cpu_us_per_record": cpu_us}
    out.write_text(json.dumps(said, indent=1) + "\n")
    parts = [f"# Records per second, median of {runs}", *([note] if note else []), table(found)]
    parts += ["## CPU of one record, us", cpu_table(cpu_us)]
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
