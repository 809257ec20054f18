"""Too many partitions, too few, and instances without one."""

from tests.policies.mutation import Mutation, at, every, more
from tests.policies.stacks import AWS, KUBERNETES, LOCAL

_NAMES = [(("metadata", "name"), lambda number: f"more-{number}")]


def _many(number: int) -> float:
    return 190.0


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "partitions-per-topic", LOCAL, at("quorate:Topic", "topic-orders", ["partitions"], 201.0)
    ),
    Mutation(
        "partitions-per-topic",
        AWS,
        at("quorate:Topic", "topic-orders.failed", ["partitions"], 800.0),
    ),
    Mutation(
        "partitions-per-broker",
        LOCAL,
        more(
            "quorate:Topic",
            "topic-orders",
            22,
            [(("topic",), lambda number: f"more-{number}"), (("partitions",), _many)],
        ),
    ),
    Mutation(
        "partitions-per-broker",
        KUBERNETES,
        every(
            [
                more(
                    ":KafkaTopic",
                    "topic-orders",
                    22,
                    [*_NAMES, (("spec", "partitions"), _many)],
                ),
                more(
                    ":TopicPromise",
                    "promise-orders",
                    22,
                    [(("topic",), lambda number: f"more-{number}"), (("partitions",), _many)],
                ),
            ]
        ),
    ),
    Mutation(
        "partition-headroom", AWS, at(":Platform", "aws", ["planned_events_per_s"], 2_000_000.0)
    ),
    Mutation(
        "partition-headroom",
        LOCAL,
        at(":LocalCluster", "local", ["planned_events_per_s"], 100_000.0),
    ),
    Mutation(
        "fleet-within-partitions",
        KUBERNETES,
        at(":ScaledObject", "fleet-billing-lag", ["spec", "maxReplicaCount"], 10.0),
    ),
    Mutation(
        "fleet-within-partitions",
        AWS,
        at(":Deployment", "fleet-billing", ["spec", "replicas"], 100.0),
    ),
)
