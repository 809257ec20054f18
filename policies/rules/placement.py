"""Three zones, and the loss of any one leaves enough of everything."""

from collections import Counter
from collections.abc import Iterator, Mapping

from blueprint.labels import ZONE_LABEL
from policies.resource import Unknown
from policies.rule import Rule, Scope
from policies.rules.wanted import exactly, there, within
from policies.view import DisruptionBudget, Fleet, Place, View
from policies.violation import Violation

FAMILY = "placement"
#: Held here by itself: two zones have no majority left when the larger one is lost.
ZONES = 3
_BROKER, _CONTROLLER = "broker", "controller"
_NOWHERE = "no zone of their own"


def _brokers(view: View) -> Iterator[Violation]:
    for places in _clusters(view, _BROKER):
        counted = _counted(places)
        if counted is None:
            continue
        uneven = len(set(counted.values())) > 1
        if _NOWHERE in counted or len(counted) < ZONES or uneven:
            yield _standing(places, counted, "as many in each of three zones")


def _controllers(view: View) -> Iterator[Violation]:
    for places in _clusters(view, _CONTROLLER):
        counted = _counted(places)
        if counted is None:
            continue
        total = sum(counted.values())
        majority = 2 * max(counted.values()) > total
        if _NOWHERE in counted or total < ZONES or total % 2 == 0 or majority:
            yield _standing(places, counted, "three or five, and in no zone a majority of them")


def _unplaced(view: View, role: str) -> Iterator[Violation]:
    """Nodes of a role that stand nowhere that anybody could see."""
    nodes = [one for one in view.kafka if one.serves_as(role)]
    if nodes and not any(_has(place, role) for place in view.places):
        yield Violation(nodes[0].urn, f"zones of the {role}s", "nothing", "three zones")


def _brokers_placed(view: View) -> Iterator[Violation]:
    yield from _brokers(view)
    yield from _unplaced(view, _BROKER)


def _controllers_placed(view: View) -> Iterator[Violation]:
    yield from _controllers(view)
    yield from _unplaced(view, _CONTROLLER)


def _dedicated(view: View) -> Iterator[Violation]:
    wanted = "broker or controller, not both"
    for place in view.places:
        if not isinstance(place.roles, Unknown) and len(place.roles) > 1:
            yield Violation(place.urn, "roles", "broker and controller", wanted)
    for kafka in view.kafka:
        # What is of all nodes alike is no node.
        if kafka.node and kafka.serves_as(_BROKER) and kafka.serves_as(_CONTROLLER):
            said = kafka.settings.said("process.roles")
            yield Violation(said.urn, said.setting, "broker and controller", wanted)


def _rack(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.serves_as(_BROKER):
            yield from there(kafka.rack, "the broker's zone")


def _one_broker_at_a_time(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.disruption is not None:
            yield from within(kafka.disruption, 0, 1, default=1)


def _spread(view: View) -> Iterator[Violation]:
    for fleet in view.fleets:
        if isinstance(fleet.spread, Unknown):
            continue
        of_zones = [one for one in fleet.spread if one.key.text == ZONE_LABEL]
        for one in of_zones:
            yield from exactly(one.otherwise, "donotschedule", default="donotschedule")
        if not of_zones and not any(one.key.unknown for one in fleet.spread):
            at = "spec.template.spec.topologySpreadConstraints"
            yield Violation(fleet.urn, at, f"nothing over {ZONE_LABEL}", "one over it")


def _budgets(view: View) -> Iterator[Violation]:
    for fleet in view.fleets:
        if isinstance(fleet.labels, Unknown):
            continue
        of_it = [one for one in view.budgets if _chosen(one, fleet)]
        for budget in of_it:
            yield from within(budget.unavailable, 1, 1)
        if not of_it:
            required = "a PodDisruptionBudget with maxUnavailable 1 that chooses its pods"
            yield Violation(fleet.urn, "PodDisruptionBudget", "none", required)


def _chosen(budget: DisruptionBudget, fleet: Fleet) -> bool:
    """Whether a budget is of a fleet's pods; what is not known yet may be."""
    if isinstance(budget.labels, Unknown):
        return True
    assert not isinstance(fleet.labels, Unknown)
    has = {name: said.text for name, said in fleet.labels.items() if not said.unknown}
    hazy = {name for name, said in fleet.labels.items() if said.unknown}
    return bool(budget.labels) and all(
        said.unknown or name in hazy or has.get(name) == said.text
        for name, said in budget.labels.items()
    )


def _clusters(view: View, role: str) -> Iterator[list[Place]]:
    """The places of a role, cluster by cluster."""
    places = [place for place in view.places if _has(place, role)]
    if any(place.cluster.unknown for place in places):
        return
    for cluster in dict.fromkeys(place.cluster.text for place in places):
        yield [place for place in places if place.cluster.text == cluster]


def _has(place: Place, role: str) -> bool:
    return isinstance(place.roles, Unknown) or role in place.roles


def _counted(places: list[Place]) -> Mapping[str, float] | None:
    """How many stand in each zone; None while one of them is not known."""
    if any(one.zone.unknown or one.count.unknown for one in places):
        return None
    if any(isinstance(one.roles, Unknown) for one in places):
        return None
    found: Counter[str] = Counter()
    for one in places:
        found[one.zone.text or _NOWHERE] += int(one.count.number or 0)
    return found


def _standing(places: list[Place], counted: Mapping[str, float], required: str) -> Violation:
    first = places[0]
    hidden = any(one.zone.hidden or one.count.hidden for one in places)
    each = ", ".join(f"{count:g} in {zone}" for zone, count in sorted(counted.items()))
    found = "others, which are not shown here" if hidden else each
    return Violation(first.urn, "zones of the nodes", found, required)


RULES = (
    Rule(
        name="brokers-over-three-zones",
        family=FAMILY,
        why="Three replicas are in three zones only where each zone has a broker for them.",
        judge=_brokers_placed,
        experiment="control-one-zone-replicas",
        scope=Scope.STACK,
    ),
    Rule(
        name="controllers-over-three-zones",
        family=FAMILY,
        why="When a zone takes the majority of controllers with it nobody elects leaders any more.",
        judge=_controllers_placed,
        experiment="control-one-zone-controllers",
        scope=Scope.STACK,
    ),
    Rule(
        name="dedicated-controllers",
        family=FAMILY,
        why="A controller that is a broker too stalls with the broker's load, "
        "just when leaders have to move.",
        judge=_dedicated,
        no_experiment="combined nodes are offered nowhere here, so the lab cannot be made of them",
    ),
    Rule(
        name="rack-set",
        family=FAMILY,
        why="Brokers that do not know their zone put all replicas of a partition into one.",
        judge=_rack,
        experiment="control-one-zone-replicas",
    ),
    Rule(
        name="one-broker-at-a-time",
        family=FAMILY,
        why="Two brokers that are drained at once take two of three replicas, "
        "and their partitions take no records.",
        judge=_one_broker_at_a_time,
        no_experiment="it is Kubernetes that drains nodes, and the lab has none",
    ),
    Rule(
        name="fleet-spread",
        family=FAMILY,
        why="A fleet in one zone stops with it, and its lag grows until it is started elsewhere.",
        judge=_spread,
        no_experiment="it is Kubernetes that places pods, and the lab has none",
    ),
    Rule(
        name="fleet-disruption-budget",
        family=FAMILY,
        why="Without a budget a drain takes a whole fleet at once, and each that leaves "
        "is a rebalance.",
        judge=_budgets,
        no_experiment="it is Kubernetes that drains nodes, and the lab has none",
        scope=Scope.STACK,
    ),
)
