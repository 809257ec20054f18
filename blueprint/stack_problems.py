"""What contradicts what among a stack's settings, and what of them fits no plan or target.

Each check says which settings it reads: where one of those is wrong by itself, the check is left
out, and all the others still have their say.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from blueprint import strimzi
from blueprint.broker_plan import load_of
from blueprint.broker_settings import BrokerSettings, said_of, settings_problems
from blueprint.failover_target import target_problems
from blueprint.fleet_problems import catch_up_problems, dedup_problems, deferred_problems
from blueprint.game_days import GAME_DAYS
from blueprint.machine_types import GIB
from blueprint.plan import HEADROOM, ZONES, Plan, whole
from blueprint.planner import plan as planned
from blueprint.problem import BadInput, Problem
from blueprint.subnets import node_addresses, subnet_plan
from blueprint.topology import three_zones
from blueprint.waivers import twice_waived

if TYPE_CHECKING:  # It asks this module.
    from blueprint.stack_config import StackConfig

#: What a record that was acknowledged rests on, and the least that keeps it: two zones of three.
_AT_LEAST = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "transaction.state.log.replication.factor": 3,
}
_MOST_REPLICAS = 3
_ALWAYS = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}


def stack_problems(config: "StackConfig", sure: frozenset[str]) -> Iterator[Problem]:
    """Everything that no single setting is to blame for.

    Args:
        config: The settings.
        sure: Names of the settings that are as they were given.
    """
    for reads, check in CHECKS:
        if sure.issuperset(reads.split()):
            yield from check(config)


def _no_place(config: "StackConfig") -> Iterator[Problem]:
    if config.target == "aws" and config.aws is None:
        yield Problem("aws", "nothing", "region, availability_zones and kafka: the target is aws")


def _half_a_cluster(config: "StackConfig") -> Iterator[Problem]:
    if config.aws is not None and bool(config.aws.kubeconfig) != bool(config.aws.fleet_cidrs):
        given, legal = "one without the other", "kubeconfig and fleet_cidrs, or neither"
        remedy = "a cluster that is not made here is let in by where its fleets connect from"
        yield Problem("aws.kubeconfig and aws.fleet_cidrs", given, legal, remedy)


def _in_clear(config: "StackConfig") -> Iterator[Problem]:
    if config.target != "local" and config.security == "plaintext":
        yield Problem("security", "'plaintext'", "scram, mtls", "plaintext is for target local")


def _nobody_watches(config: "StackConfig") -> Iterator[Problem]:
    if config.monitoring is not None and config.target == "local":
        legal = "nothing: on this machine there is nobody who watches"
        yield Problem("monitoring", "a section", legal, "use target kubernetes or aws")


def _undisturbed(config: "StackConfig") -> Iterator[Problem]:
    if config.game_day is not None and not config.chaos:
        yield Problem("chaos", "False", "true, since game_day disturbs the stack")


def _game_day(config: "StackConfig") -> Iterator[Problem]:
    if config.game_day is None:
        return
    possible = GAME_DAYS[config.target]
    if not possible:
        legal = "nothing: on this machine nothing is scheduled"
        remedy = "leave it out, and run `python -m chaos run gameday --stack NAME` yourself"
        yield Problem("game_day", "a section", legal, remedy)
    elif config.game_day.experiment not in possible:
        remedy = "the suite ships no other that this target can run"
        given, legal = repr(config.game_day.experiment)[:80], ", ".join(possible)
        yield Problem("game_day.experiment", given, legal, remedy)


def _topics_twice(config: "StackConfig") -> Iterator[Problem]:
    yield from said_twice("topics", [topic.name for topic in config.topics])


def _users_twice(config: "StackConfig") -> Iterator[Problem]:
    yield from said_twice("fleets and clients", [user.name for user in config.users])


def _lists_twice(config: "StackConfig") -> Iterator[Problem]:
    """A topic that is listed twice would count its partitions twice."""
    for section, users in (("fleets", config.fleets), ("clients", config.clients)):
        for index, user in enumerate(users):
            yield from said_twice(f"{section}.{index}.consumes", user.consumes)
            yield from said_twice(f"{section}.{index}.produces", user.produces)


def said_twice(path: str, names: Sequence[str]) -> Iterator[Problem]:
    """One problem for each name that is there more than once."""
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(path, f"{repr(name)[:80]} twice", "one of each name")


def _waived_twice(config: "StackConfig") -> Iterator[Problem]:
    yield from twice_waived(config.waivers)


def _undeclared(config: "StackConfig") -> Iterator[Problem]:
    for user in config.users:
        yield from undeclared(config, user.name, {*user.consumes, *user.produces})


def undeclared(config: "StackConfig", user: str, topics: set[str]) -> Iterator[Problem]:
    """One problem for each topic of a user that nobody declared."""
    declared = {topic.name for topic in config.topics}
    for topic in sorted(topics - declared):
        legal = f"a declared topic: {', '.join(sorted(declared))}"
        yield Problem(f"{user[:80]}: consumes or produces", repr(topic)[:80], legal)


def _overrides(config: "StackConfig") -> Iterator[Problem]:
    settings = BrokerSettings(overrides=config.broker_overrides)
    for problem in settings_problems(three_zones(1), settings):
        yield replace(problem, path=f"broker_{problem.path}")
    for name, value in sorted(config.broker_overrides.items()):
        legal = _promise(name, value)
        if legal:
            remedy = "what was acknowledged is to outlive the loss of a zone"
            yield Problem(f"broker_overrides.{name}", repr(value)[:80], legal, remedy)


def _unheard(config: "StackConfig") -> Iterator[Problem]:
    """Settings that Strimzi would drop without a word, but for those that are no one's to set."""
    if config.target != "kubernetes":
        return
    settings = BrokerSettings(overrides=config.broker_overrides)
    refused = {problem.path for problem in settings_problems(three_zones(1), settings)}
    for name, value in sorted(config.broker_overrides.items()):
        if strimzi.forbidden(name) and f"overrides.{name}" not in refused:
            legal = "a setting that Strimzi lets through; docs/kubernetes.md lists what it owns"
            yield Problem(f"broker_overrides.{name}", said_of(name, value), legal)


def _promise(name: str, value: str) -> str:
    """What a setting may be where the stack's promise rests on it; nothing where all is well."""
    least, always = _AT_LEAST.get(name), _ALWAYS.get(name)
    if least is not None and value.strip() not in map(str, range(least, _MOST_REPLICAS + 1)):
        return f"{least} to {_MOST_REPLICAS}"
    return always if always is not None and value.strip().lower() != always else ""


def _demand(config: "StackConfig") -> Iterator[Problem]:
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


def _clients_inside(config: "StackConfig") -> Iterator[Problem]:
    """A client is elsewhere: so wide a gate would let in every host of the VPC."""
    if config.target != "aws" or config.aws is None:
        return
    for index, client in enumerate(config.clients):
        for cidr in client.cidrs:
            if cidr.overlaps(config.aws.vpc_cidr):
                legal = f"a network outside aws.vpc_cidr, {config.aws.vpc_cidr}"
                yield Problem(f"clients.{index}.cidrs", f"'{cidr}'", legal)


def _room(config: "StackConfig") -> Iterator[Problem]:
    made = _plan(config)
    if isinstance(made, BadInput) or config.target != "aws" or config.aws is None:
        return
    topology = three_zones(made.brokers_per_zone.value)
    try:
        node_addresses(subnet_plan(config.aws.vpc_cidr, topology.zones), topology)
    except BadInput as refused:
        yield from refused.problems


def _idle_instances(config: "StackConfig") -> Iterator[Problem]:
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


def _too_many_partitions(config: "StackConfig") -> Iterator[Problem]:
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


def _kept_too_long(config: "StackConfig") -> Iterator[Problem]:
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


CHECKS: tuple[tuple[str, Callable[["StackConfig"], Iterator[Problem]]], ...] = (
    ("target aws", _no_place),
    ("aws", _half_a_cluster),
    ("target security", _in_clear),
    ("target monitoring", _nobody_watches),
    ("chaos game_day", _undisturbed),
    ("target game_day", _game_day),
    ("topics", _topics_twice),
    ("fleets clients", _users_twice),
    ("fleets clients", _lists_twice),
    ("waivers", _waived_twice),
    ("topics fleets clients", _undeclared),
    ("fleets", catch_up_problems),
    ("fleets", dedup_problems),
    ("fleets topics", deferred_problems),
    ("target failover_profile failover_target_s broker_overrides", target_problems),
    ("broker_overrides", _overrides),
    ("target broker_overrides", _unheard),
    ("target demand instance_type", _demand),
    ("target aws clients", _clients_inside),
    ("target demand instance_type aws", _room),
    ("demand instance_type topics fleets", _idle_instances),
    ("demand instance_type topics fleets", _too_many_partitions),
    ("demand instance_type topics", _kept_too_long),
)
