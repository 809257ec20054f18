"""What a zone hop costs: acknowledgement latency with and without 2 ms between the zones.

One way per hop; a record acknowledged by all crosses at least two hops (leader to follower and the
follower's next fetch), and one or two more when the producer is not in the leader's zone.
"""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from chaos.experiment.load import load
from chaos.history.read import open_history
from chaos.history.records import PartitionRecords
from chaos.history.timeline import load_span_ns
from chaos.runner import Asked, run
from chaos.terminal import Terminal

RESULTS = Path(__file__).parent / "results" / "hop.json"
RATE_PER_S = 1000


def latencies_ms(run_dir: Path) -> dict[str, float]:
    """p50 and p99 of the acknowledgements between steady state and the end of the load."""
    history = open_history(run_dir / "history")
    begin_ns, end_ns = load_span_ns(history)
    took = []
    for partition in history.partitions:
        records = PartitionRecords(history, partition)
        send = records.times["send_ns"]
        chosen = records.acknowledged & (send >= begin_ns) & (send < end_ns)
        took.append((records.times["done_ns"] - send)[chosen] / 1e6)
    p50, p99 = np.percentile(np.concatenate(took), (50, 99))
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}


def main(hop_ms: Annotated[float, typer.Option(min=0.1)] = 2.0, out: Path = RESULTS) -> None:
    """Run the baseline twice and write both figures and their difference."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="quorate-hop-") as room:
        for one_way_ms in (0.0, hop_ms):
            changes = (
                f"lab.cross_zone_latency_ms={one_way_ms}",
                f"workload.rate_per_s={RATE_PER_S}",
                "workload.goal=latency",
            )
            experiment = load("baseline", changes)
            terminal = Terminal(experiment.max_duration_s)
            found[f"{one_way_ms:g} ms"] = latencies_ms(run(Asked(experiment, Path(room)), terminal))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    typer.run(main)
