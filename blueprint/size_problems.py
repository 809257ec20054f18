"""What of a stack's settings fits no plan, or not the one that its demand has."""

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from blueprint.broker_plan import load_of
from blueprint.machine_types import GIB
from blueprint.plan import HEADROOM, ZONES, Plan, whole
from blueprint.planner import plan as planned
from blueprint.problem import BadInput, Problem
from blueprint.subnets import node_addresses, subnet_plan
from blueprint.topology import three_zones

if TYPE_CHECKING:  # Its module asks for these problems.
    from blueprint.stack_config import StackConfig


def demand_problems(config: "StackConfig") -> Iterator[Problem]:
    """A demand that no plan meets, or none on this machine."""
    made = _plan(config)
    if isinstance(made, BadInput):
        yield from made.problems
        return
    per_zone = made.brokers_per_zone.value
    if config.target == "local" and per_zone > 1:
        yield Problem(
            "demand",
            f"{per_zone} brokers in each zone",
            "one: this machine stands in for three",
            "ask for less, or provision it on aws or kubernetes",
        )


def room_problems(config: "StackConfig") -> Iterator[Problem]:
    """A network that has no room for the planned nodes."""
    made = _plan(config)
    if isinstance(made, BadInput) or config.target != "aws" or config.aws is None:
        return
    topology = three_zones(made.brokers_per_zone.value)
    try:
        node_addresses(subnet_plan(config.aws.vpc_cidr, topology.zones), topology)
    except BadInput as refused:
        yield from refused.problems


def idle_problems(config: "StackConfig") -> Iterator[Problem]:
    """Fleets of more instances than there are partitions to read."""
    made = _plan(config)
    if isinstance(made, BadInput):
        return
    partitions = _partitions(config, made)
    for index, fleet in enumerate(config.fleets):
        most = sum(partitions.get(topic, 0) for topic in {*fleet.consumes})
        if fleet.instances is not None and fleet.instances > most > 0:
            legal = f"1 to {most}, the partitions of what it consumes: more would have none"
            remedy = "give the topics more partitions, or leave it out"
            yield Problem(f"fleets.{index}.instances", str(fleet.instances), legal, remedy)


def partition_problems(config: "StackConfig") -> Iterator[Problem]:
    """More partitions than the planned brokers may have."""
    made = _plan(config)
    if isinstance(made, BadInput):
        return
    declared = {topic.name for topic in config.topics}
    letters = sum(fleet.dead_letters not in declared for fleet in config.fleets)
    deferred = sum(bool(fleet.deferred) for fleet in config.fleets)
    wanted = sum(_partitions(config, made).values()) + letters * ZONES + deferred
    # Every zone has a replica of everything.
    most = int(made.brokers_per_zone.value * made.machine.partition_limit / HEADROOM + 1e-6)
    if wanted > most:
        given = f"{wanted:,} partitions, those of the fleets' own topics with them"
        brokers = f"{made.brokers_per_zone.value:,} {made.machine.name}"
        legal = f"at most {most:,} on {brokers} in each zone, which leaves headroom"
        remedy = f"say fewer, or say all and set demand.partitions_today to {wanted}: it is planned"
        yield Problem("topics", given, legal, remedy)


def retention_problems(config: "StackConfig") -> Iterator[Problem]:
    """Refuse what no way of sharing the demand out among the topics would have room for."""
    made = _plan(config)
    if isinstance(made, BadInput):
        return
    planned_h, mean_h = config.demand.retention_h, _least_mean_h(config, made)
    stored = load_of(config.demand, made.partitions.value).stored_bytes * mean_h / planned_h
    each_gib = whole(HEADROOM * stored / made.brokers_per_zone.value / GIB)
    most_gib = made.disk_gib_per_broker.value
    if each_gib > most_gib:
        given = f"{mean_h:,.1f} h for the mean event at least, {each_gib:,} GiB on each broker"
        legal = f"{most_gib:,} GiB, which demand.retention_h {planned_h:g} asks for"
        remedy = f"keep topics for less time, or set demand.retention_h to {ceil(mean_h)}"
        yield Problem("topics: retention_h", given, legal, remedy)


def _least_mean_h(config: "StackConfig", made: Plan) -> float:
    """How long the mean event is kept if what is kept the shortest takes all that it can carry."""
    planned_h, partitions = config.demand.retention_h, _partitions(config, made)
    # What is compacted grows with its keys, of which nobody has said anything.
    kept = sorted(
        (
            (topic.retention_h or planned_h) if topic.cleanup_policy == "delete" else 0.0,
            partitions[topic.name],
        )
        for topic in config.topics
    )
    left, hours = config.demand.planned_events_per_s, 0.0
    for kept_h, count in kept:
        taken = min(left, float(count * made.rates.partition_events_per_s))
        left, hours = left - taken, hours + taken * kept_h
    return (hours + left * kept[-1][0]) / config.demand.planned_events_per_s


def _partitions(config: "StackConfig", made: Plan) -> dict[str, int]:
    each = made.partitions_per_topic.value
    return {topic.name: topic.partitions or each for topic in config.topics}


def _plan(config: "StackConfig") -> Plan | BadInput:
    try:
        return planned(config.demand, instance_type=config.instance_type)
    except BadInput as refused:
        return refused
