"""How long a zone loss is felt: the project's profile beside Kafka's and librdkafka's defaults.

Longest gap between acknowledgements on the worst partition, producer in a surviving zone, with
the active controller inside the lost zone and outside it. Every run has a fresh topic and reads
all of it back. One run is not a distribution: ten and more make a cell.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.ack_load import AckLoad, client, lost
from bench.recovery_table import load, plot, table
from bench.zone import controller_zone, drop_topic, heal, inject, make_topic, whole
from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import PROFILES
from chaos.quorum import await_active_controller
from lab.cluster import Lab
from lab.config import LabConfig

PARTITIONS, RATE_PER_S = 12, 2000
RESULTS = Path(__file__).parent / "results" / "recovery.jsonl"
#: Longer than librdkafka's socket time-out of 60 s with everything that can follow it.
GIVE_UP_S = 100.0


@dataclass(frozen=True, slots=True)
class Run:
    """One zone loss. Times in seconds; ``gap_s`` is None when it did not recover."""

    profile: str
    fault: str
    controller_inside: bool
    gap_s: float | None
    first_ack_s: float | None
    predicted_s: float
    acknowledged: int
    lost: int
    elections: int


def one_run(lab: Lab, profile_name: str, fault: str, inside: bool, number: int) -> Run:
    """Take one zone away under load and give it back."""
    profile = PROFILES[profile_name]
    topic = f"recovery-{time.time_ns()}"
    make_topic(lab, topic, PARTITIONS)
    holder = controller_zone(lab)
    others = [zone for zone in lab.plan.topology.zones if zone != holder]
    zone = holder if inside else others[number % 2]
    survivor = next(z for z in lab.plan.topology.zones if z != zone)
    bootstrap = lab.plan.addresses.bootstrap(survivor)
    load = AckLoad(client(profile, bootstrap), topic, PARTITIONS, RATE_PER_S)
    load.start()
    time.sleep(2)  # the load itself, not a wait: batches and connections settle under it
    before = await_active_controller(lab.outputs).epoch
    load.fault()
    try:
        inject(lab, zone, fault)
        load.injected()
        recovered = load.recovered(GIVE_UP_S)
        time.sleep(0.5)
    finally:
        heal(lab, zone, fault)
    whole(lab, topic, PARTITIONS)
    acks = load.finish()
    after = await_active_controller(lab.outputs).epoch
    gone = lost(bootstrap, topic, PARTITIONS, acks.acknowledged)
    drop_topic(lab, topic)
    loss = Loss.KILL if fault == "kill" else Loss.BLACKHOLE
    firsts = [first for first in acks.first_after_fault_s if first is not None]
    return Run(
        profile=profile_name,
        fault=fault,
        controller_inside=inside,
        gap_s=max(acks.worst_gap_s) if recovered else None,
        first_ack_s=max(firsts) if recovered else None,
        predicted_s=predict(profile, loss, controller_inside=inside).produce_s,
        acknowledged=len(acks.acknowledged),
        lost=gone,
        elections=after - before,
    )


def main(
    runs: Annotated[int, typer.Option(min=1)] = 10,
    profiles: str = "balanced,kafka-defaults",
    faults: str = "kill,blackhole",
    overrides: str = "",
    out: Path = RESULTS,
) -> None:
    """Fill the table; every run is appended to ``out`` as it ends."""
    out.parent.mkdir(parents=True, exist_ok=True)
    extra = dict(pair.split("=", 1) for pair in overrides.split(",") if pair)
    for name in profiles.split(","):
        config = LabConfig(name=f"bench-{name}", profile=name, broker_overrides=extra)
        lab = Lab.up(config)
        try:
            for number in range(runs):
                for fault in faults.split(","):
                    for inside in (False, True):
                        run = one_run(lab, name, fault, inside, number)
                        with out.open("a") as file:
                            file.write(json.dumps(asdict(run)) + "\n")
                        print(json.dumps(asdict(run)), flush=True)
        finally:
            lab.down()
    rows = load(out)
    text = table(rows)
    out.with_suffix(".md").write_text(text)
    plot(rows, out.with_suffix(".svg"))
    print(text)


if __name__ == "__main__":
    typer.run(main)
