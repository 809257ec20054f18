"""How much faster a backlog is drained by catching up than as usual.

The handler's two parts cost the same, so that half of its work may be put off. Each part costs
something a call and something a record: putting off the rest gives 2x and can give no more; the
essential part of many records in one call pays the call once. Same machine, same cluster, same
topic, one contender at a time, each in a fresh process and group.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.fleet_lanes import fill, rate
from lab.cluster import Lab
from lab.config import LabConfig

RESULTS = Path(__file__).parent / "results" / "fleet_catch_up.json"
RECORDS = 1_500_000
TOPIC = "catch-up"
#: Kind of work, and microseconds of each part: a call's, and a record's.
WORKS = (("wait", 1000, 0), ("wait", 500, 500), ("cpu", 50, 50), ("cpu", 0, 100))
CONTENDERS = ("normal", "one by one", "many")
_END_S = 90.0


def measure(outputs: Path, contender: str, work: tuple[str, int, int], span_s: float) -> float:
    """Records per second of one contender.

    Raises:
        TimeoutError: It did not end.
    """
    kind, call_us, record_us = work
    group = f"bench-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-m", "bench.fleet_catch_up_driver", str(outputs), TOPIC, group]
    command += [contender, kind, str(call_us), str(record_us), str(span_s)]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        said = json.loads(running.communicate(timeout=span_s + _END_S)[0])
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{contender} did not end at {work}") from None
    finally:
        running.kill()
    assert bool(said["deferred"]) == (contender != "normal")
    return rate([said["samples"]])


def limit(work: tuple[str, int, int]) -> float:
    """What many at once can reach at the very most: a call costs nothing then."""
    _, call_us, record_us = work
    return 2 * (call_us + record_us) / record_us if record_us else float("inf")


def table(found: dict[str, dict[str, float]]) -> str:
    """Rates in records per second, and how many times as fast as usual."""
    lines = [
        "| work of each part | normal | one by one | many at once | one by one | many at once "
        "| limit of many |",
        "|---|---|---|---|---|---|---|",
    ]
    for work in WORKS:
        rates = found.get(named(work))
        if rates is None:
            continue
        cells = [f"{rates[name]:,.0f}" for name in CONTENDERS]
        cells += [f"{rates[name] / rates['normal']:.1f}x" for name in CONTENDERS[1:]]
        most = limit(work)
        cells.append("none" if most == float("inf") else f"{most:.0f}x")
        lines.append(f"| {named(work)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def named(work: tuple[str, int, int]) -> str:
    """A kind of work, for people."""
    kind, call_us, record_us = work
    return f"{kind}: {call_us} us a call, {record_us} us a record"


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    span_s: Annotated[float, typer.Option(min=2)] = 8.0,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure every kind of work; the medians are what is written."""
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    lab = Lab.up(LabConfig(name="bench-catch-up", quick_start=False))
    try:
        servers = lab.outputs.bootstrap_servers["a"]
        fill(servers, TOPIC, RECORDS)
        admin = AdminClient({"bootstrap.servers": servers})
        for future in admin.create_topics([NewTopic(f"{TOPIC}-deferred", 1, 3)]).values():
            future.result(30)
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs.json"
            outputs.write_text(lab.outputs.to_json())
            for _ in range(runs):
                for work in WORKS:
                    for contender in CONTENDERS:
                        took = measure(outputs, contender, work, span_s)
                        rates[named(work), contender].append(took)
                        print(f"{named(work)}: {contender} {took:,.0f}/s", flush=True)
    finally:
        lab.down()
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (work_name, contender), values in rates.items():
        found[work_name][contender] = statistics.median(values)
    said = {"runs": runs, "span_s": span_s, "rates_per_s": found}
    out.write_text(json.dumps(said, indent=1) + "\n")
    parts = [f"# Drained records per second, median of {runs}", *([note] if note else [])]
    text = "\n\n".join([*parts, table(found)])
    out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
