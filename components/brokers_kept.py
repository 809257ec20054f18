"""The brokers of a stack, kept when its demand changes: what holds data does not go unasked.

The rule itself is the blueprint's; here it is asked at each preview, on whichever target.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, DiffResult, Resource

from blueprint.blueprint import Blueprint
from blueprint.broker_promise import BrokerPromise, shrink_problems
from components.remembering import RememberingProvider

_INPUTS = ("brokers", "disk_gib", "instance_type", "drained")


def brokers_promised(blueprint: Blueprint) -> BrokerPromise:
    """What a blueprint's brokers are and keep."""
    plan = blueprint.plan
    return BrokerPromise(
        brokers=frozenset(node.id for node in blueprint.topology.brokers),
        disk_gib=plan.disk_gib_per_broker.value,
        instance_type=plan.machine.name,
        drained=frozenset(blueprint.config.drained_brokers),
    )


def promise_inputs(promise: BrokerPromise) -> dict[str, Any]:
    """A promise as inputs of a resource."""
    return {
        "brokers": sorted(promise.brokers),
        "disk_gib": promise.disk_gib,
        "instance_type": promise.instance_type,
        "drained": sorted(promise.drained),
    }


def promise_of(props: Mapping[str, Any] | None) -> BrokerPromise | None:
    """The promise that inputs or outputs say, or None where nothing was promised yet."""
    said = props or {}
    if any(name not in said for name in _INPUTS):
        return None
    return BrokerPromise(
        # The engine's numbers are floats.
        brokers=frozenset(map(int, said["brokers"])),
        disk_gib=int(said["disk_gib"]),
        instance_type=str(said["instance_type"]),
        drained=frozenset(map(int, said["drained"])),
    )


class BrokersKeptProvider(RememberingProvider):
    """Keeps what was declared last; makes nothing."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what would take data away."""
        old, new = promise_of(_olds), promise_of(news)
        if old is None or new is None:
            return CheckResult(news, [])
        return CheckResult(news, [CheckFailure("", str(one)) for one in shrink_problems(old, new)])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whatever changes is remembered in its place."""
        return DiffResult(changes=promise_of(_olds) != promise_of(_news))

    def named(self, _props: Mapping[str, Any]) -> str:
        """One of a stack."""
        return "brokers"


class BrokersKept(Resource, module="quorate", name="BrokersKept"):
    """The promise of a cluster's brokers; whatever makes or removes one is to depend on it."""

    def __init__(
        self, name: str, blueprint: Blueprint, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        inputs = promise_inputs(brokers_promised(blueprint))
        super().__init__(BrokersKeptProvider(), name, inputs, opts)
