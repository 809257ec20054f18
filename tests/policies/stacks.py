"""The three shipped stacks as the engine tells a policy of them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pulumi.runtime import rpc

from policies.resource import Resource, Secret

ROOT = Path(__file__).parents[2]
LOCAL, AWS, KUBERNETES = STACKS = ("local", "aws", "kubernetes")


@cache
def shipped(stack: str) -> tuple[Resource, ...]:
    """Every resource of a stack, in the order in which they are declared."""
    return rendered(stack, {})


def rendered(stack: str, changed: Mapping[str, object]) -> tuple[Resource, ...]:
    """The same with these of the topmost settings changed."""
    command = [sys.executable, "-m", "tests.policies.render_stack", stack, json.dumps(changed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return tuple(
        Resource(one["urn"], one["type"], one["name"], _decoded(one["properties"]))
        for one in json.loads(done.stdout)
    )


def _decoded(value: Any) -> Any:  # noqa: ANN401 as in the JSON
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if not isinstance(value, dict):
        return float(value) if type(value) is int else value
    if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
        return Secret(_decoded(value["value"]))
    return {name: _decoded(one) for name, one in value.items()}
