"""Clients and fleets that write badly, read badly, or fall behind unseen."""

from tests.policies.mutation import GONE, Mutation, at, in_json, in_text
from tests.policies.stacks import AWS, KUBERNETES

_SETTINGS = ["data", "settings.json"]
_RULE = "monitoring-prometheusrule-quorate"


def _file(rule: str, stack: str, path: list[str], value: object) -> Mutation:
    edit = in_json(path, value)
    return Mutation(rule, stack, at(":ConfigMap", "fleet-billing-settings", _SETTINGS, edit))


def _env(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


_CONTAINER = ("spec", "template", "spec", "containers", 0)


def _alert(number: int) -> list[str | int]:
    return ["spec", "groups", 0, "rules", number, "expr"]


MUTATIONS: tuple[Mutation, ...] = (
    _file("producers-batch", AWS, ["producer", "batch.size"], 16_384),
    _file("producers-batch", KUBERNETES, ["letters", "linger.ms"], 0),
    _file("producers-compress", AWS, ["producer", "compression.type"], "none"),
    _file("producers-compress", KUBERNETES, ["producer", "compression.type"], GONE),
    _file("buffers-bounded", AWS, ["producer", "queue.buffering.max.messages"], 0),
    _file("buffers-bounded", KUBERNETES, ["letters", "delivery.timeout.ms"], 0),
    _file("buffers-bounded", KUBERNETES, ["consumer", "queued.max.messages.kbytes"], 2_097_151),
    Mutation(
        "buffers-bounded",
        AWS,
        at(":Deployment", "fleet-billing", [*_CONTAINER, "resources", "limits"], GONE),
    ),
    _file("commit-after-processing", AWS, ["consumer", "enable.auto.commit"], True),
    _file("commit-after-processing", KUBERNETES, ["consumer", "enable.auto.commit"], GONE),
    Mutation(
        "key-ordered-lanes",
        AWS,
        at(
            ":Deployment",
            "fleet-billing",
            [*_CONTAINER, "env"],
            lambda env: [
                one if one["name"] != "QUORATE_THREADS" else _env("QUORATE_THREADS", "1")
                for one in env
            ],
        ),
    ),
    Mutation(
        "ends-after-draining",
        KUBERNETES,
        at(
            ":Deployment",
            "fleet-billing",
            ["spec", "template", "spec", "terminationGracePeriodSeconds"],
            30.0,
        ),
    ),
    Mutation("lag-alerts", AWS, at(":PrometheusRule", _RULE, _alert(0), in_text("10000", "20000"))),
    Mutation(
        "lag-alerts",
        KUBERNETES,
        at(":PrometheusRule", _RULE, _alert(2), in_text("1000000", "5000000")),
    ),
    Mutation(
        "deficit-alert",
        KUBERNETES,
        at(":PrometheusRule", _RULE, _alert(3), in_text(">= 0.04", ">= 0.4")),
    ),
    Mutation(
        "scaled-before-warning",
        KUBERNETES,
        at(
            ":ScaledObject",
            "fleet-billing-lag",
            ["spec", "triggers", 0, "metadata", "lagThreshold"],
            "50000",
        ),
    ),
    _file("catch-up-configured", AWS, ["catch_up"], {"when": "auto", "enter_records": 5_000_000}),
    _file(
        "catch-up-configured",
        KUBERNETES,
        ["catch_up"],
        {"when": "auto", "enter_records": 1000, "leave_records": 5000},
    ),
    _file("dedup-with-margin", AWS, ["dedup", "margin_records"], 0),
    _file("dedup-with-margin", KUBERNETES, ["dedup", "margin_records"], 9_999),
    _file("traces-sampled", AWS, ["traces", "ratio"], 0.5),
    _file("traces-sampled", KUBERNETES, ["traces"], GONE),
    Mutation(
        "outbox-beside-database",
        AWS,
        at(
            ":Deployment",
            "fleet-billing",
            [*_CONTAINER, "env"],
            lambda env: [*env, _env("DATABASE_URL", "postgresql://orders")],
        ),
    ),
)
