"""Nodes and fleets that stand where one zone takes too many of them."""

from tests.policies.mutation import GONE, Mutation, at, every, in_properties, without
from tests.policies.stacks import AWS, KUBERNETES

_AFFINITY = (
    "spec",
    "template",
    "pod",
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
    0,
    "matchExpressions",
    0,
    "values",
)
_SPREAD = ("spec", "template", "spec", "topologySpreadConstraints")
_IN_A = "eu-central-1a"


def _placed(rule: str, stack: str, node: str) -> Mutation:
    if stack == KUBERNETES:
        return Mutation(rule, stack, at(":KafkaNodePool", node, _AFFINITY, ["a"]))
    return Mutation(rule, stack, at(":Volume", node, ["availabilityZone"], _IN_A))


def _fleet(rule: str, stack: str, path: tuple[str | int, ...], value: object) -> Mutation:
    return Mutation(rule, stack, at(":Deployment", "fleet-billing", path, value))


MUTATIONS: tuple[Mutation, ...] = (
    _placed("brokers-over-three-zones", KUBERNETES, "kafka-broker-b"),
    _placed("brokers-over-three-zones", AWS, "broker-2"),
    Mutation(
        "brokers-over-three-zones",
        KUBERNETES,
        at(":KafkaNodePool", "kafka-broker-c", ["spec", "replicas"], 2.0),
    ),
    Mutation(
        "brokers-over-three-zones",
        KUBERNETES,
        at(":KafkaNodePool", "kafka-broker-c", ["spec", "template"], GONE),
    ),
    Mutation(
        "brokers-over-three-zones",
        AWS,
        every([without(":Volume", f"broker-{number}") for number in range(1, 10)]),
    ),
    _placed("controllers-over-three-zones", KUBERNETES, "kafka-controller-b"),
    _placed("controllers-over-three-zones", AWS, "controller-103"),
    Mutation(
        "controllers-over-three-zones",
        KUBERNETES,
        without(":KafkaNodePool", "kafka-controller-a"),
    ),
    Mutation(
        "dedicated-controllers",
        AWS,
        at(
            ":Parameter",
            "controller-101-settings",
            ["value"],
            lambda text: text.replace(
                "process.roles=controller", "process.roles=broker,controller\nbroker.rack=a"
            ),
        ),
    ),
    Mutation("rack-set", KUBERNETES, at(":Kafka", "kafka", ["spec", "kafka", "rack"], GONE)),
    Mutation(
        "rack-set",
        AWS,
        at(":Parameter", "broker-4-settings", ["value"], in_properties("broker.rack", GONE)),
    ),
    Mutation(
        "one-broker-at-a-time",
        KUBERNETES,
        at(
            ":Kafka",
            "kafka",
            ["spec", "kafka", "template", "podDisruptionBudget", "maxUnavailable"],
            2.0,
        ),
    ),
    _fleet("fleet-spread", AWS, _SPREAD, GONE),
    _fleet("fleet-spread", KUBERNETES, (*_SPREAD, 0, "whenUnsatisfiable"), "ScheduleAnyway"),
    Mutation("fleet-disruption-budget", AWS, without(":PodDisruptionBudget", "fleet-billing")),
    Mutation(
        "fleet-disruption-budget",
        KUBERNETES,
        at(
            ":PodDisruptionBudget",
            "fleet-billing",
            ["spec", "selector", "matchLabels", "quorate.io/fleet"],
            "invoicing",
        ),
    ),
    Mutation(
        "fleet-disruption-budget",
        KUBERNETES,
        at(":PodDisruptionBudget", "fleet-billing", ["spec", "maxUnavailable"], "50%"),
    ),
)
