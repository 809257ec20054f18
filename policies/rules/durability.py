"""What is acknowledged outlives the loss of a zone."""

from collections.abc import Iterator

from blueprint.alerts import LONGEST_DRAIN_S
from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import PROFILES
from policies.rule import Rule, Scope
from policies.rules.wanted import at_least, exactly, not_as_wanted, one_of, said_first, within
from policies.said import Said, Settings
from policies.view import View
from policies.violation import Violation

FAMILY = "durability"
#: One replica in each of three zones, and an acknowledgement by two of them. Held here by
#: themselves: were they the blueprint's, a blueprint that promised less would be found sound.
REPLICAS, IN_SYNC = 3, 2
#: Topics of Kafka's own, with what it takes where nothing is said.
_INTERNAL = {
    "offsets.topic.replication.factor": REPLICAS,
    "transaction.state.log.replication.factor": REPLICAS,
    "share.coordinator.state.topic.replication.factor": REPLICAS,
    "transaction.state.log.min.isr": IN_SYNC,
    "share.coordinator.state.topic.min.isr": IN_SYNC,
}
_MS_PER_S = 1000
#: Kafka keeps records for a week where nobody says anything.
_KEPT_MS = 604_800_000
#: The longest recovery of any profile, or the longest drain that is not an alarm yet.
WORST_RECOVERY_S = max(
    LONGEST_DRAIN_S,
    *(
        max(predict(profile, loss, controller_inside=True).as_dict().values())
        for profile in PROFILES.values()
        for loss in Loss
    ),
)


def _replicas(view: View) -> Iterator[Violation]:
    for topic in view.topics:
        yield from within(topic.replicas, REPLICAS, REPLICAS)
    for kafka in view.kafka:
        # It is the controllers that make topics.
        if kafka.serves_as("controller"):
            default = kafka.settings.said("default.replication.factor")
            yield from within(default, REPLICAS, REPLICAS, default=1)


def _in_sync(view: View) -> Iterator[Violation]:
    for topic in view.topics:
        # Of a new cluster's topics only what stands on the topic itself counts.
        yield from within(topic.settings.said("min.insync.replicas"), IN_SYNC, IN_SYNC)
    for kafka in view.kafka:
        yield from within(kafka.settings.said("min.insync.replicas"), IN_SYNC, IN_SYNC, default=1)


def _unclean(view: View) -> Iterator[Violation]:
    for settings in _held(view):
        said = settings.said("unclean.leader.election.enable")
        yield from exactly(said, "false", default="false")


def _internal(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.serves_as("broker"):
            for name, wanted in _INTERNAL.items():
                yield from within(kafka.settings.said(name), wanted, wanted, default=wanted)


def _acks(view: View) -> Iterator[Violation]:
    for client in view.clients:
        if client.produces:
            said = said_first(client.settings, "acks", "request.required.acks")
            yield from one_of(said, _ALL, default="all")


def _idempotence(view: View) -> Iterator[Violation]:
    for client in view.clients:
        if client.produces:
            # Unlike Java's, librdkafka's producer is not unless it is told.
            yield from exactly(client.settings.said("enable.idempotence"), "true", default="false")


def _retention(view: View) -> Iterator[Violation]:
    least = WORST_RECOVERY_S * _MS_PER_S
    for topic in view.topics:
        policy = topic.settings.said("cleanup.policy")
        if policy.unknown or policy.text == "compact":
            continue
        said = topic.settings.said("retention.ms")
        if said.number != _FOR_EVER:
            # What a topic does not say its brokers do, and they are judged below.
            yield from at_least(said, least, default=_KEPT_MS)
    for kafka in view.kafka:
        said = kafka.settings.said("log.retention.ms")
        if said.number != _FOR_EVER:
            yield from at_least(said, least, default=_KEPT_MS)


def _kept(view: View) -> Iterator[Violation]:
    for place in view.places:
        for said in place.kept:
            if said.setting.endswith("deleteClaim"):
                yield from exactly(said, "false", default="false")
            else:
                yield from exactly(said, "persistent-claim")


def _shrinking(view: View) -> Iterator[Violation]:
    promised = {one.name.text: one.partitions for one in view.promises}
    blind = any(one.name.unknown for one in view.promises)
    for topic in view.topics:
        if topic.guarded or topic.name.unknown or blind:
            continue
        promise = promised.get(topic.name.text)
        if promise is None:
            name = topic.name
            yield Violation(name.urn, name.setting, f"{name.shown} without a promise", _PROMISED)
        elif _differ(promise, topic.partitions):
            yield not_as_wanted(promise, f"as many as the topic has: {topic.partitions.shown}")
    for kafka in view.kafka[:1]:
        if not kafka.here and not view.kept:
            yield Violation(kafka.urn, "brokers", "brokers that a demand may remove", _BROKERS_KEPT)


def _differ(one: Said, other: Said) -> bool:
    return not one.unknown and not other.unknown and one.number != other.number


def _held(view: View) -> Iterator[Settings]:
    yield from (one.settings for one in view.topics)
    yield from (one.settings for one in view.kafka)


_ALL, _FOR_EVER = ("all", "-1"), -1
_PROMISED = "a TopicPromise of the same name and partitions, which refuses to shrink it"
_BROKERS_KEPT = "a BrokersKept beside them, which refuses to remove what holds data"

RULES = (
    Rule(
        name="three-replicas",
        family=FAMILY,
        why="With fewer replicas than zones a lost zone takes the only copy of records with it.",
        judge=_replicas,
        experiment="control-replication-1",
    ),
    Rule(
        name="two-in-sync",
        family=FAMILY,
        why="Acknowledged by one replica, a record is gone with that replica's disk; "
        "acknowledged by three, none can be written once a zone is lost.",
        judge=_in_sync,
        experiment="control-min-isr-1",
    ),
    Rule(
        name="unclean-election-off",
        family=FAMILY,
        why="A replica that missed records and leads all the same takes them from the others too.",
        judge=_unclean,
        experiment="control-unclean-election",
    ),
    Rule(
        name="internal-topics-replicated",
        family=FAMILY,
        why="With the only replica of the committed offsets a group's place is lost, "
        "and it reads everything again or skips what it never read.",
        judge=_internal,
        experiment="control-replication-1",
    ),
    Rule(
        name="acks-all",
        family=FAMILY,
        why="A leader that acknowledges alone and dies takes the record with it, "
        "whatever its topic demands.",
        judge=_acks,
        experiment="control-acks-1",
    ),
    Rule(
        name="idempotent-producers",
        family=FAMILY,
        why="A retry whose first answer was late is a new record to the broker: it is there twice.",
        judge=_idempotence,
        experiment="control-no-idempotence",
    ),
    Rule(
        name="retention-outlives-recovery",
        family=FAMILY,
        why="What is deleted before the slowest recovery has read it is lost to who was behind.",
        judge=_retention,
        experiment="control-short-retention",
    ),
    Rule(
        name="records-outlive-pods",
        family=FAMILY,
        why="A volume that goes with its pod or its claim makes every restart a lost disk.",
        judge=_kept,
        experiment="control-min-isr-1",
    ),
    Rule(
        name="nothing-shrinks",
        family=FAMILY,
        why="A topic that is asked to have fewer partitions is deleted and made anew, "
        "and a broker that goes unasked takes its records with it.",
        judge=_shrinking,
        no_experiment="Kafka itself refuses fewer partitions; the engine's tests show the refusal",
        scope=Scope.STACK,
    ),
)
