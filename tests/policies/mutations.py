"""For each rule what breaks it and nothing else, on the stacks where it can be broken."""

from tests.policies.mutation import Mutation, at, in_properties
from tests.policies.stacks import AWS, KUBERNETES, LOCAL

_MIN_ISR, _UNCLEAN = "min.insync.replicas", "unclean.leader.election.enable"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("readable", KUBERNETES, at(":Kafka", "kafka", ["spec", "kafka", "config"], "none")),
    Mutation("readable", AWS, at(":Parameter", "broker-1-settings", ["value"], "no setting")),
    Mutation("readable", LOCAL, at(":Lab", "local", ["profile"], "hasty")),
    Mutation("three-replicas", AWS, at(":Topic", "topic-orders", ["replication_factor"], 2.0)),
    Mutation("three-replicas", KUBERNETES, at("Topic", "topic-orders", ["spec", "replicas"], 1.0)),
    Mutation("two-in-sync", LOCAL, at(":Topic", "topic-orders", ["config", _MIN_ISR], "1")),
    Mutation("two-in-sync", LOCAL, at(":Lab", "local", ["broker_overrides", _MIN_ISR], "1")),
    Mutation(
        "two-in-sync",
        AWS,
        at(":Parameter", "broker-1-settings", ["value"], in_properties(_MIN_ISR, "1")),
    ),
    Mutation(
        "unclean-election-off",
        KUBERNETES,
        at(":Kafka", "kafka", ["spec", "kafka", "config", _UNCLEAN], True),
    ),
    Mutation(
        "unclean-election-off", LOCAL, at(":Topic", "topic-orders", ["config", _UNCLEAN], "true")
    ),
)
