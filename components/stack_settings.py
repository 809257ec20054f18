"""The ``quorate:`` settings of the stack that is being deployed."""

import json

import pulumi

from blueprint.stack_config import StackConfig, parse_stack

NAMESPACE = "quorate"


def stack_settings() -> StackConfig:
    """Read and validate them, whatever they are named: an unknown one is a problem too.

    Raises:
        BadInput: Every problem at once.
    """
    prefix = f"{NAMESPACE}:"
    given = pulumi.runtime.config.CONFIG.get() | pulumi.runtime.config.get_config_env()
    fields = {
        name.removeprefix(prefix): _value(text)
        for name, text in given.items()
        if name.startswith(prefix)
    }
    return parse_stack(fields, f"Pulumi.{pulumi.get_stack()}.yaml")


def _value(text: str) -> object:
    """What stands in the file: Pulumi hands lists, mappings, numbers and booleans over as JSON.

    What is nested deeper than can be read stays text, which no setting takes.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text
