"""What more partitions cost: until all have a leader again, and how long a rebalance is felt.

One topic with three replicas at a time on one lab of three brokers. Election: a zone without the
active controller is killed, and a surviving broker is asked until it knows a living leader of
every partition; the first acknowledgement on the last partition to have one stands beside it.
Rebalance: the longest that a record waits while a member joins or leaves, as ``bench.rebalance``
measures it, under the ``consumer`` protocol. Each is a median; nothing else may run meanwhile.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.ack_load import AckLoad, client
from bench.rebalance import Pauses, measure
from bench.sections import replace_section, table_of
from bench.zone import controller_zone, drop_topic, heal, inject, make_topic, whole
from blueprint.client_settings import GroupProtocol
from blueprint.failover_profile import BALANCED
from blueprint.outputs import NodeOutput
from blueprint.topology import Role
from chaos.wire import NoAnswer, Wire
from lab.cluster import Lab
from lab.config import LabConfig

PAGE = Path(__file__).parents[1] / "docs" / "evidence.md"
RESULTS = Path(__file__).parent / "results" / "partition_limits.json"
PARTITIONS = (50, 200, 800)
RATE_PER_S = 2000
_LED_S, _LOOK_S, _WHOLE_S = 60.0, 0.01, 180.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one number of partitions, in seconds, one entry a run.

    Attributes:
        led_s: From the kill until a survivor knows a living leader of every partition.
        acknowledged_s: Until the last of the partitions has acknowledged a record.
        whole_s: From the zone's return until every replica is in sync.
        pauses: What a rebalance cost.
    """

    partitions: int
    led_s: Sequence[float]
    acknowledged_s: Sequence[float]
    whole_s: Sequence[float]
    pauses: Pauses


def lose_a_zone(lab: Lab, partitions: int) -> tuple[float, float, float]:
    """One zone loss: seconds until led, until acknowledged, and until whole again.

    Raises:
        TimeoutError: One of them did not come.
    """
    topic = f"limits-{time.time_ns()}"
    make_topic(lab, topic, partitions)
    holder = controller_zone(lab)
    zone, survivor = (one for one in lab.plan.topology.zones if one != holder)
    servers = lab.plan.addresses.bootstrap(survivor)
    load = AckLoad(client(BALANCED, servers), topic, partitions, RATE_PER_S)
    load.start(_LED_S)
    load.fault()
    began_s = time.monotonic()
    try:
        inject(lab, zone, "kill")
        load.injected()
        led_s = until_led(lab, topic, zone) - began_s
        if not load.recovered(_LED_S):
            raise TimeoutError(f"{topic} did not acknowledge on every partition")
        acknowledged_s = max(one or 0.0 for one in load.acks.first_after_fault_s)
    finally:
        heal(lab, zone, "kill")
    back_s = time.monotonic()
    whole(lab, topic, partitions, _WHOLE_S)
    whole_s = time.monotonic() - back_s
    load.finish()
    drop_topic(lab, topic)
    return led_s, acknowledged_s, whole_s


def until_led(lab: Lab, topic: str, lost_zone: str) -> float:
    """The moment at which a surviving broker knows a living leader of every partition.

    Raises:
        TimeoutError: It never did.
    """
    brokers = [node for node in lab.outputs.nodes if node.role is Role.BROKER]
    asked = next(node for node in brokers if node.zone != lost_zone)
    dead = {node.id for node in brokers if node.zone == lost_zone} | {-1}
    deadline_s = time.monotonic() + _LED_S
    with Wire(lab.outputs) as wire:
        while not _all_led(wire, asked, topic, dead):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not every partition of {topic} was led")
            time.sleep(_LOOK_S)
    return time.monotonic()


def _all_led(wire: Wire, asked: NodeOutput, topic: str, dead: set[int]) -> bool:
    try:
        seen = wire.metadata(asked, topic, 5).partitions
    except NoAnswer:
        return False
    return bool(seen) and all(one.leader not in dead for one in seen)


def table(costs: Sequence[Cost], runs: int) -> str:
    """Medians, in seconds."""
    names = (
        "partitions",
        "every partition led",
        "every partition acknowledged",
        "in sync after the return",
        "a record waits, no rebalance",
        "a member joins",
        "a member leaves",
    )
    rows = []
    for cost in costs:
        lists = (cost.led_s, cost.acknowledged_s, cost.whole_s)
        figures = [statistics.median(one) for one in lists]
        figures += [cost.pauses.steady_s]
        figures += [statistics.median(one) for one in (cost.pauses.join_s, cost.pauses.leave_s)]
        rows.append((f"{cost.partitions:,}", *(f"{one:.2f} s" for one in figures)))
    return f"Medians of {runs}.\n\n{table_of(names, rows)}"


def main(runs: Annotated[int, typer.Option(min=1)] = 5, out: Path = RESULTS) -> None:
    """Measure each number of partitions; the table goes into docs/evidence.md."""
    costs: list[Cost] = []
    for partitions in PARTITIONS:
        # A lab each: what one left behind is not the next one's to delete.
        lab = Lab.up(LabConfig(name="bench-partition-limits", quick_start=False))
        try:
            losses = [lose_a_zone(lab, partitions) for _ in range(runs)]
            led, acknowledged, back = zip(*losses, strict=True)
            with tempfile.TemporaryDirectory() as folder:
                outputs = Path(folder) / "outputs.json"
                outputs.write_text(lab.outputs.to_json())
                pauses = measure(outputs, lab, GroupProtocol.CONSUMER, partitions, runs)
        finally:
            lab.down()
        costs.append(Cost(partitions, led, acknowledged, back, pauses))
        print(table(costs[-1:], runs).splitlines()[-1], flush=True)
    out.write_text(json.dumps({"runs": runs, "costs": list(map(asdict, costs))}, indent=1) + "\n")
    replace_section(PAGE, "partition-limits", table(costs, runs))


if __name__ == "__main__":
    typer.run(main)
