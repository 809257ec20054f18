"""A stack on AWS for tests: its settings, its program, and how its state is read."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pulumi

from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.stack_config import parse_stack
from components.aws_foundation import AwsFoundation, FoundationArgs
from components.aws_platform import tagged_provider
from tests.engine.aws_provider.stand_in import REGION, Moto
from tests.engine.harness import StandIn

STACK = "test"
SETTINGS: dict[str, Any] = {
    "target": "aws",
    "chaos": True,
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
    "clients": [{"name": "shop", "produces": ["orders"], "cidrs": ["10.40.0.0/16"]}],
    "aws": {
        "region": REGION,
        "availability_zones": [f"{REGION}{zone}" for zone in "abc"],
        "operator_cidrs": ["10.50.1.0/24"],
        "protect_data": False,
        "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "ab" * 64},
    },
}


def settings(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 as in the YAML
    """The settings of the test's stack, with these of the topmost ones changed."""
    return deepcopy(SETTINGS) | changed


def blueprint(**changed: Any) -> Blueprint:  # noqa: ANN401 as in the YAML
    """The blueprint of the same."""
    return blueprint_of(parse_stack(settings(**changed), "test"))


def foundation(made: Blueprint) -> Callable[[], None]:
    """A program: everything of a stack below topics and fleets, which want a running Kafka."""

    def declare() -> None:
        assert made.config.aws is not None
        args = FoundationArgs(STACK, made, made.config.aws)
        provider = tagged_provider(args, None)
        AwsFoundation("foundation", args, pulumi.ResourceOptions(providers=[provider]))

    return declare


def stand_in(moto: Moto) -> StandIn:
    """The stand-in, and boto3 in what the engine starts on the same moto."""
    own = {
        "AWS_ENDPOINT_URL": moto.endpoint,
        "AWS_ACCESS_KEY_ID": "stand-in",
        "AWS_SECRET_ACCESS_KEY": "stand-in",
    }
    return replace(moto.provider, environment={**moto.provider.environment, **own})


def resources(state: Mapping[str, Any], token: str) -> dict[str, dict[str, Any]]:
    """Of a state the inputs of every resource of a type, by its name."""
    return {
        one["urn"].rpartition("::")[2]: one.get("inputs", {})
        for one in state["resources"]
        if one["type"].endswith(f":{token}")
    }


def server_properties(state: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """For each node's name its server.properties as the declared resources have it."""
    found = {}
    for name, inputs in resources(state, "Parameter").items():
        if name.endswith("-settings"):
            text = json.loads(inputs["value"]["plaintext"])
            pairs = (line.partition("=") for line in text.splitlines())
            found[name.removesuffix("-settings")] = {key: value for key, _, value in pairs}
    return found


def cloud_config(instance: Mapping[str, Any]) -> str:
    """The user data of an instance's inputs, in clear."""
    return gzip.decompress(base64.b64decode(instance["userDataBase64"])).decode()


def documents(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every IAM document of a state, by type, name and property."""
    found = {}
    for one in state["resources"]:
        for name in ("policy", "assumeRolePolicy"):
            text = one.get("inputs", {}).get(name)
            if isinstance(text, str) and text.startswith("{"):
                kind, _, called = one["urn"].rpartition("::")
                found[f"{kind.rpartition(':')[2]} {called} {name}"] = json.loads(text)
    return found
