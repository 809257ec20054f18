"""Clients without bounds, slow failovers, and nobody who tries any of it."""

from tests.policies.mutation import GONE, Mutation, at, in_json, in_properties, without
from tests.policies.stacks import AWS, KUBERNETES, LOCAL

_COMMAND = (
    "spec",
    "jobTemplate",
    "spec",
    "template",
    "spec",
    "containers",
    0,
    "command",
)
_SETTINGS = ["data", "settings.json"]

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("readable", KUBERNETES, at(":Kafka", "kafka", ["spec", "kafka", "config"], "none")),
    Mutation("readable", AWS, at(":Parameter", "broker-1-settings", ["value"], "no setting")),
    Mutation("readable", LOCAL, at(":Lab", "local", ["profile"], "hasty")),
    Mutation("readable", AWS, at(":Instance", "broker-1", ["userDataBase64"], "bm90aGluZw==")),
    Mutation(
        "settings-in-sight",
        AWS,
        at(":Deployment", "fleet-billing", ["spec", "template", "spec", "volumes", 1], GONE),
    ),
    Mutation("settings-in-sight", AWS, without(":Parameter", "broker-9-settings")),
    Mutation("quotas-on-every-client", AWS, without(":ClientQuota", "quota-shop")),
    Mutation(
        "quotas-on-every-client",
        KUBERNETES,
        at(":KafkaUser", "user-shop", ["spec", "quotas"], GONE),
    ),
    Mutation(
        "quotas-on-every-client",
        LOCAL,
        at(":ClientQuota", "quota-shop", ["produce_bytes_per_s"], 0.0),
    ),
    Mutation(
        "no-topics-by-accident",
        KUBERNETES,
        at(":Kafka", "kafka", ["spec", "kafka", "config", "auto.create.topics.enable"], GONE),
    ),
    Mutation(
        "no-topics-by-accident",
        LOCAL,
        at(":Lab", "local", ["broker_overrides", "auto.create.topics.enable"], "true"),
    ),
    Mutation(
        "no-topics-by-accident",
        AWS,
        at(
            ":ConfigMap",
            "fleet-billing-settings",
            _SETTINGS,
            in_json(["consumer", "allow.auto.create.topics"], True),
        ),
    ),
    Mutation(
        "failover-within-target",
        AWS,
        at(
            ":Parameter",
            "broker-1-settings",
            ["value"],
            in_properties("broker.session.timeout.ms", "9000"),
        ),
    ),
    Mutation("failover-within-target", LOCAL, at(":Lab", "local", ["profile"], "kafka-defaults")),
    Mutation(
        "failover-within-target",
        KUBERNETES,
        at(
            ":ConfigMap",
            "fleet-billing-settings",
            _SETTINGS,
            in_json(["producer", "socket.timeout.ms"], 60_000),
        ),
    ),
    Mutation("game-day-scheduled", AWS, without(":CronJob", "game-day")),
    Mutation(
        "game-day-scheduled", KUBERNETES, at(":CronJob", "game-day", ["spec", "suspend"], True)
    ),
    Mutation(
        "game-day-one-zone", AWS, at(":CronJob", "game-day", [*_COMMAND, 4], "two-zones-killed")
    ),
)
