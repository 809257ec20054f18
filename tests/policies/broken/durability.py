"""Records that would be lost."""

from tests.policies.mutation import GONE, Mutation, at, in_json, in_properties, without
from tests.policies.stacks import AWS, KUBERNETES, LOCAL

_MIN_ISR, _UNCLEAN = "min.insync.replicas", "unclean.leader.election.enable"
_SETTINGS = ["data", "settings.json"]
_PRODUCER = ("producer", "letters")


def _in_file(rule: str, stack: str, client: str, name: str, value: object) -> Mutation:
    edit = in_json([client, name], value)
    return Mutation(rule, stack, at(":ConfigMap", "fleet-billing-settings", _SETTINGS, edit))


def _in_broker(rule: str, name: str, value: object) -> Mutation:
    edit = in_properties(name, value)
    return Mutation(rule, AWS, at(":Parameter", "broker-1-settings", ["value"], edit))


def _in_kafka(rule: str, name: str, value: object) -> Mutation:
    return Mutation(
        rule, KUBERNETES, at(":Kafka", "kafka", ["spec", "kafka", "config", name], value)
    )


def _in_lab(rule: str, name: str, value: object) -> Mutation:
    return Mutation(rule, LOCAL, at(":Lab", "local", ["broker_overrides", name], value))


def _in_topic(rule: str, stack: str, name: str, value: object) -> Mutation:
    path = ["spec", "config", name] if stack == KUBERNETES else ["config", name]
    type_ = ":KafkaTopic" if stack == KUBERNETES else "quorate:Topic"
    return Mutation(rule, stack, at(type_, "topic-orders", path, value))


_POOL: list[str | int] = ["spec", "storage", "volumes", 0]

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "three-replicas", AWS, at("quorate:Topic", "topic-orders", ["replication_factor"], 2.0)
    ),
    Mutation(
        "three-replicas", KUBERNETES, at(":KafkaTopic", "topic-orders", ["spec", "replicas"], 1.0)
    ),
    _in_kafka("three-replicas", "default.replication.factor", "1"),
    _in_lab("three-replicas", "default.replication.factor", "2"),
    _in_topic("two-in-sync", LOCAL, _MIN_ISR, "1"),
    _in_topic("two-in-sync", AWS, _MIN_ISR, "3"),
    _in_topic("two-in-sync", KUBERNETES, _MIN_ISR, GONE),
    _in_lab("two-in-sync", _MIN_ISR, "1"),
    _in_broker("two-in-sync", _MIN_ISR, GONE),
    _in_kafka("two-in-sync", _MIN_ISR, 1.0),
    _in_kafka("unclean-election-off", _UNCLEAN, True),
    _in_topic("unclean-election-off", LOCAL, _UNCLEAN, "true"),
    _in_broker("unclean-election-off", _UNCLEAN, "TRUE"),
    _in_broker("internal-topics-replicated", "offsets.topic.replication.factor", "1"),
    _in_kafka("internal-topics-replicated", "transaction.state.log.min.isr", "1"),
    _in_lab("internal-topics-replicated", "transaction.state.log.replication.factor", "1"),
    *(
        _in_file("acks-all", stack, client, "acks", acks)
        for stack, client, acks in ((AWS, "producer", "1"), (KUBERNETES, "letters", 0))
    ),
    _in_file("idempotent-producers", AWS, "letters", "enable.idempotence", False),
    _in_file("idempotent-producers", KUBERNETES, "producer", "enable.idempotence", GONE),
    _in_topic("retention-outlives-recovery", LOCAL, "retention.ms", "3000"),
    _in_topic("retention-outlives-recovery", KUBERNETES, "retention.ms", "60000"),
    _in_broker("retention-outlives-recovery", "log.retention.ms", "1000"),
    Mutation(
        "records-outlive-pods",
        KUBERNETES,
        at(":KafkaNodePool", "kafka-broker-a", [*_POOL, "deleteClaim"], True),
    ),
    Mutation(
        "records-outlive-pods",
        KUBERNETES,
        at(":KafkaNodePool", "kafka-broker-b", [*_POOL, "type"], "ephemeral"),
    ),
    Mutation("nothing-shrinks", KUBERNETES, without(":TopicPromise", "promise-orders")),
    Mutation(
        "nothing-shrinks",
        KUBERNETES,
        at(":TopicPromise", "promise-orders", ["partitions"], 3.0),
    ),
    Mutation("nothing-shrinks", AWS, without(":BrokersKept", "brokers-kept")),
)
