"""Recovery against tolerance: the default profile's time-outs, all scaled by one factor.

Shorter time-outs end an outage sooner and take a shorter stall for one. Per factor: the longest
stall of the active controller's zone that moved no leader, fenced no broker and elected nobody, and
the pause in writing when that zone, or another, is cut off for good.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.frontier_table import plot, table
from bench.recovery import PARTITIONS, one_run
from bench.zone import controller_zone, leadership, links_of, make_topic
from blueprint.failover_profile import BALANCED, PROFILES, FailoverProfile
from lab.cluster import Lab
from lab.config import LabConfig

FACTORS = (0.7, 0.85, 1.0, 1.5, 2.5)
STALLS_MS = (300, 400, 500, 600, 700, 800, 1000, 1200, 1500, 2000, 2500)
TRIES = 3
RESULTS = Path(__file__).parent / "results" / "frontier.jsonl"
#: librdkafka takes no shorter connection set-up; groups are not part of this trade.
FIXED = frozenset(
    {
        "client_connection_setup_timeout_ms",
        "group_session_timeout_ms",
        "group_heartbeat_interval_ms",
        "metadata_max_idle_interval_ms",
    }
)
_QUIET_S = 3.0
_TOPIC = "watched"


def scaled(factor: float) -> FailoverProfile:
    """The default profile with every time-out but the fixed ones multiplied."""
    changed = {
        field.name: round(getattr(BALANCED, field.name) * factor)
        for field in dataclasses.fields(BALANCED)
        if field.name.endswith("_ms") and field.name not in FIXED
    }
    return dataclasses.replace(BALANCED, name=f"balanced-x{factor:g}", **changed)


def tolerated_ms(lab: Lab) -> int:
    """The longest stall of the list up to which all tries were tolerated; 0 when none was."""
    make_topic(lab, _TOPIC, PARTITIONS)
    longest = 0
    for stall_ms in STALLS_MS:
        if not all(_tolerates(lab, stall_ms) for _ in range(TRIES)):
            return longest
        longest = stall_ms
    return longest


def _tolerates(lab: Lab, stall_ms: int) -> bool:
    links = links_of(lab, controller_zone(lab))
    before = leadership(lab, _TOPIC)
    lab.on_links(links, lambda link: link.stall())
    time.sleep(stall_ms / 1000)  # the stall itself
    lab.heal_links(links)
    until = time.monotonic() + _QUIET_S
    while time.monotonic() < until:
        if leadership(lab, _TOPIC) != before:
            return False
    return True


def main(runs: Annotated[int, typer.Option(min=1)] = 3, out: Path = RESULTS) -> None:
    """One line per factor."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    for factor in FACTORS:
        profile = scaled(factor)
        PROFILES[profile.name] = profile
        name = f"bench-x{factor:g}".replace(".", "-")
        lab = Lab.up(LabConfig(name=name, profile=profile.name))
        try:
            row: dict[str, object] = {
                "factor": factor,
                "session_ms": profile.broker_session_timeout_ms,
                "tolerated_ms": tolerated_ms(lab),
            }
            for inside in (False, True):
                found = [one_run(lab, profile.name, "blackhole", inside, n) for n in range(runs)]
                row["inside_s" if inside else "outside_s"] = [run.gap_s for run in found]
                row["lost"] = int(str(row.get("lost", 0))) + sum(run.lost for run in found)
        finally:
            lab.down()
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    text = table(rows)
    out.with_suffix(".md").write_text(text)
    plot(rows, out.with_suffix(".svg"))
    print(text)


if __name__ == "__main__":
    typer.run(main)
