"""Every resource that a shipped stack declares, as JSON: run as a program, one engine to a stack.

Arguments: the stack's name, and JSON of ``quorate:`` settings that win over its file.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from blueprint.blueprint import blueprint_of
from blueprint.stack_config import parse_stack
from components.targets import provision

ROOT = Path(__file__).parents[2]
_PREFIX = "quorate:"
#: Outputs that nobody knows before the update; here each is named after its resource.
_KNOWN_LATER = [
    "arn",
    "certificate_pem",
    "cluster_id",
    "endpoint",
    "hosted_zone_id",
    "key_pem",
    "latestVersion",
    "password",
    "prefixListId",
    "salted_user",
    "versionId",
    "zoneId",
]
_OUTPUTS: dict[str, dict[str, Any]] = {
    "quorate:Lab": {
        "bootstrap": "127.0.1.1:9192",
        "admin_settings": "{}",
        "outputs": {"cluster_id": "lab", "lab": {}},
    },
    "cluster:Cluster": {"certificateAuthority": {"data": "authority"}},
}


def settings_of(stack: str) -> dict[str, Any]:
    """What a shipped stack's file says under ``quorate:``."""
    config = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {
        name.removeprefix(_PREFIX): value
        for name, value in config.items()
        if name.startswith(_PREFIX)
    }


class _Kept(Mocks):
    """What the engine would be told of each resource."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self.resources: list[dict[str, Any]] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        said = {name: value for name, value in args.inputs.items() if name != "__provider"}
        urn = f"urn:pulumi:{self._stack}::quorate::{args.typ}::{args.name}"
        self.resources.append({"urn": urn, "type": args.typ, "name": args.name, "properties": said})
        made = f"{args.typ.rpartition(':')[2].lower()}-{args.name}"
        outputs = {name: made for name in _KNOWN_LATER if said.get(name) is None}
        return made, said | outputs | _OUTPUTS.get(args.typ.rpartition("/")[2], {})

    def call(self, _args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return {"accountId": "1" * 12, "insecureValue": "ami-0123456789abcdef0"}, []


def _main() -> None:
    stack, changed = sys.argv[1], json.loads(sys.argv[2])
    blueprint = blueprint_of(parse_stack(settings_of(stack) | changed, stack))
    kept = _Kept(stack)
    set_mocks(kept, project="quorate", stack=stack)
    finished: Callable[[Callable[[], object]], Callable[[], None]] = pulumi.runtime.test
    finished(lambda: provision(blueprint))()
    print(json.dumps(kept.resources))


if __name__ == "__main__":
    _main()
