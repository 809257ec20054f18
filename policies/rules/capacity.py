"""Partitions: enough with headroom, and never so many that elections and rebalances suffer."""

from collections.abc import Iterator, Mapping

from blueprint.demand import Rates
from blueprint.machine_types import MACHINE_TYPES
from blueprint.plan import HEADROOM, whole
from policies.resource import Unknown
from policies.rule import Rule, Scope
from policies.rules.wanted import at_most, within, written
from policies.said import Said
from policies.view import View
from policies.violation import Violation

FAMILY = "capacity"
#: Rule 3 of the practices, held here by itself.
MOST_PER_TOPIC, MOST_PER_BROKER = 200, 4_000
#: KEDA's own where nothing is said.
_MOST_INSTANCES = 100


def _per_topic(view: View) -> Iterator[Violation]:
    for topic in view.topics:
        yield from within(topic.partitions, 1, MOST_PER_TOPIC)


def _per_broker(view: View) -> Iterator[Violation]:
    said = [one for topic in view.topics for one in (topic.partitions, topic.replicas)]
    said += [place.count for place in view.places]
    roles = [place.roles for place in view.places]
    if any(one.unknown for one in said) or any(isinstance(one, Unknown) for one in roles):
        return
    replicas = sum(_number(one.partitions) * _number(one.replicas) for one in view.topics)
    brokers = sum(
        _number(place.count)
        for place in view.places
        if not isinstance(place.roles, Unknown) and "broker" in place.roles
    )
    limit = _limit(view)
    if brokers and replicas / brokers > limit:
        each = "more" if any(one.hidden for one in said) else written(round(replicas / brokers))
        found = f"{each} replicas on each broker: {len(view.topics)} topics"
        yield Violation(view.topics[0].urn, "partitions of all topics", found, f"{limit:,} at most")


def _limit(view: View) -> int:
    """What the smallest broker carries, as its maker says, and never more than the rule."""
    limits = {machine.name: machine.partition_limit for machine in MACHINE_TYPES}
    brokers = [one for one in view.machines if one.role == "broker"]
    own = (limits.get(one.type.text or "", MOST_PER_BROKER) for one in brokers)
    return min(MOST_PER_BROKER, *own) if brokers else MOST_PER_BROKER


def _headroom(view: View) -> Iterator[Violation]:
    partitions = [topic.partitions for topic in view.topics]
    if any(one.unknown for one in partitions) or not view.topics:
        return
    rate = Rates().partition_events_per_s
    for aim in view.aims:
        peak = aim.planned_events_per_s
        if peak.absent or peak.unknown:
            continue
        needed = whole(HEADROOM * _number(peak) / rate)
        total = sum(map(_number, partitions))
        if not _number(peak) or total < needed:
            least = "as many" if peak.hidden else f"{needed:,} or more"
            required = f"{least}: {HEADROOM:g} x the peak at {rate:,} events/s each"
            hidden = any(one.hidden for one in (*partitions, peak))
            found = f"{'fewer' if hidden else written(total)} partitions of all topics"
            yield Violation(view.topics[0].urn, "partitions", found, required)
    if all(aim.planned_events_per_s.absent for aim in view.aims):
        first = view.topics[0]
        yield Violation(first.urn, "planned_events_per_s", "nothing", "the peak after growth")


def _idle(view: View) -> Iterator[Violation]:
    partitions = {topic.name.text: topic.partitions for topic in view.topics}
    for scaling in view.scalings:
        yield from _not_above(scaling.most, scaling.topics, partitions, _MOST_INSTANCES)
    topics = {work.file.text: work.topics for work in view.works}
    for fleet in view.fleets:
        read = topics.get(fleet.file.text)
        if read is not None:
            yield from _not_above(fleet.replicas, read, partitions, 1)


def _not_above(
    instances: Said,
    topics: tuple[Said, ...] | Unknown,
    partitions: Mapping[str | None, Said],
    default: int,
) -> Iterator[Violation]:
    if isinstance(topics, Unknown) or any(one.text not in partitions for one in topics):
        return
    of_all = [partitions[one.text] for one in topics]
    if any(one.unknown for one in of_all) or not of_all:
        return
    most = sum(map(_number, of_all))
    hidden = any(one.hidden for one in of_all)
    what = "as many as they read partitions," if hidden else f"{written(most)}, the partitions,"
    yield from at_most(instances, most, default, what)


def _number(said: Said) -> float:
    return said.number or 0.0


RULES = (
    Rule(
        name="partitions-per-topic",
        family=FAMILY,
        why="Every election and every rebalance of a topic goes through all of its partitions.",
        judge=_per_topic,
        no_experiment="it is how long that grows, not what is lost: docs/evidence.md has the times",
    ),
    Rule(
        name="partitions-per-broker",
        family=FAMILY,
        why="When a broker is lost all of its partitions need another leader, one after the other.",
        judge=_per_broker,
        no_experiment="it is how long that grows, not what is lost: docs/evidence.md has the times",
        scope=Scope.STACK,
    ),
    Rule(
        name="partition-headroom",
        family=FAMILY,
        why="Partitions that just carry the peak leave nothing with which to catch up after it.",
        judge=_headroom,
        experiment="control-deficit",
        scope=Scope.STACK,
    ),
    Rule(
        name="fleet-within-partitions",
        family=FAMILY,
        why="An instance beyond the partitions has none, costs as much, and takes part in "
        "every rebalance.",
        judge=_idle,
        no_experiment="an idle instance loses nothing; it is paid for",
        scope=Scope.STACK,
    ),
)
