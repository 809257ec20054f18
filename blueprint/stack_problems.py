"""What contradicts what among a stack's settings, and what of them fits no plan or target.

Each check says which settings it reads: where one of those is wrong by itself, what the check finds
of it counts for nothing, and all the others still have their say.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from blueprint import strimzi
from blueprint.access import RESERVED_PREFIX
from blueprint.broker_settings import BrokerSettings, said_of, settings_problems
from blueprint.failover_target import target_problems
from blueprint.fleet_problems import catch_up_problems, dedup_problems, deferred_problems
from blueprint.game_days import GAME_DAYS
from blueprint.problem import Place, Problem
from blueprint.size_problems import (
    demand_problems,
    idle_problems,
    partition_problems,
    retention_problems,
    room_problems,
)
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
#: Stands where a topic was to be named and none was: of the suite's own names, which none has.
UNKNOWN_TOPIC = f"{RESERVED_PREFIX}unknown"
_ALWAYS = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}


def stack_problems(config: "StackConfig", doubted: Collection[Place]) -> Iterator[Problem]:
    """Everything that no single setting is to blame for.

    Args:
        config: The settings.
        doubted: Where they are not as they were given, since that was wrong by itself.
    """
    for reads, check in CHECKS:
        read = [tuple(pattern.split(".")) for pattern in reads.split()]
        unsure = [place for place in doubted if any(_decides(place, one) for one in read)]
        for problem in check(config):
            if all(_of_another(problem, place) for place in unsure):
                yield problem


def _decides(place: Place, pattern: tuple[str, ...]) -> bool:
    """Whether what is read depends on what stands there."""
    beneath = pattern[-1] == "**"
    steps = pattern[:-1] if beneath else pattern
    alike = all(step in ("*", str(one)) for step, one in zip(steps, place, strict=False))
    return alike and (beneath or len(place) <= len(steps))


def _of_another(problem: Problem, place: Place) -> bool:
    """Whether a problem is one of another item of the list in which something is in doubt."""
    where = problem.path.split(".")
    if len(where) < 2 or len(place) < 2 or not where[1].isdecimal():
        return False
    return where[0] == place[0] and where[1] != str(place[1])


def _no_place(config: "StackConfig") -> Iterator[Problem]:
    if config.target == "aws" and config.aws is None:
        yield Problem("aws", "nothing", "region, availability_zones and kafka: the target is aws")


def _half_a_cluster(config: "StackConfig") -> Iterator[Problem]:
    if config.aws is not None and bool(config.aws.kubeconfig) != bool(config.aws.fleet_cidrs):
        given, legal = "one without the other", "kubeconfig and fleet_cidrs, or neither"
        remedy = "a cluster that is not made here is let in by where its fleets connect from"
        yield Problem("aws.kubeconfig and aws.fleet_cidrs", given, legal, remedy)


def _zones_elsewhere(config: "StackConfig") -> Iterator[Problem]:
    if config.aws is None:
        return
    region, zones = config.aws.region, config.aws.availability_zones
    if not all(re.fullmatch(f"{region}[a-z]", zone) for zone in zones):
        legal = f"three zones of {region}, such as {region}a, {region}b, {region}c"
        yield Problem("aws.availability_zones", repr(zones)[:80], legal)


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
    declared = {topic.name for topic in config.topics}
    legal = f"a declared topic: {', '.join(sorted(declared))}"
    for section, users in (("fleets", config.fleets), ("clients", config.clients)):
        for index, user in enumerate(users):
            for way, topics in (("consumes", user.consumes), ("produces", user.produces)):
                for topic in sorted({*topics} - declared - {UNKNOWN_TOPIC}):
                    yield Problem(f"{section}.{index}.{way}", repr(topic)[:80], legal)


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


def _clients_inside(config: "StackConfig") -> Iterator[Problem]:
    """A client is elsewhere: so wide a gate would let in every host of the VPC."""
    if config.target != "aws" or config.aws is None:
        return
    for index, client in enumerate(config.clients):
        for cidr in client.cidrs:
            if cidr.overlaps(config.aws.vpc_cidr):
                legal = f"a network outside aws.vpc_cidr, {config.aws.vpc_cidr}"
                yield Problem(f"clients.{index}.cidrs", f"'{cidr}'", legal)


#: What sizes a stack.
_SIZE = "demand.** instance_type"
#: Each with what it reads: a place, or with ``**`` everything in it. Where a name is wrong one is
#: made up that stands nowhere else: whoever looks for names that stand twice reads none in doubt.
CHECKS: tuple[tuple[str, Callable[["StackConfig"], Iterator[Problem]]], ...] = (
    ("target aws", _no_place),
    ("aws.kubeconfig aws.fleet_cidrs", _half_a_cluster),
    ("aws.region aws.availability_zones.**", _zones_elsewhere),
    ("target security", _in_clear),
    ("target monitoring", _nobody_watches),
    ("chaos game_day", _undisturbed),
    ("target game_day.experiment", _game_day),
    ("topics", _topics_twice),
    ("fleets clients", _users_twice),
    ("fleets clients", _lists_twice),
    ("waivers", _waived_twice),
    ("topics.*.name fleets clients", _undeclared),
    (
        "fleets.*.catch_up.enter_records fleets.*.catch_up.leave_records fleets.*.catch_up.when"
        " fleets.*.dedup",
        catch_up_problems,
    ),
    ("fleets.*.dedup.sqlite fleets.*.dedup.postgresql fleets.*.instances", dedup_problems),
    ("fleets.*.name fleets.*.catch_up.when topics.*.name", deferred_problems),
    ("target failover_profile failover_target_s broker_overrides", target_problems),
    ("broker_overrides", _overrides),
    ("target broker_overrides", _unheard),
    (f"target {_SIZE}", demand_problems),
    ("target aws.vpc_cidr clients.*.cidrs", _clients_inside),
    (f"target {_SIZE} aws.vpc_cidr", room_problems),
    (
        f"{_SIZE} topics.*.name topics.*.partitions fleets.*.consumes.** fleets.*.instances",
        idle_problems,
    ),
    (
        f"{_SIZE} topics.*.name topics.*.partitions fleets.*.name fleets.*.catch_up.when",
        partition_problems,
    ),
    (
        f"{_SIZE} topics.*.partitions topics.*.retention_h topics.*.cleanup_policy",
        retention_problems,
    ),
)
