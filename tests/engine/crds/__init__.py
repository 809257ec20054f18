"""Definitions of Strimzi's, KEDA's and prometheus-operator's kinds, made by ``generate.py``.

They are their projects' own, generated from what the projects publish, so that a real API server
judges our objects by the rules that the operators' users have.
"""

from collections.abc import Collection
from pathlib import Path

import yaml

from tests.engine.control_plane.api import Api, Object, wait_for

_SERVED_S = 60.0


def files() -> list[Path]:
    """One file for each definition."""
    return sorted(Path(__file__).parent.glob("*.yaml"))


def install(api: Api, groups: Collection[str] | None = None) -> None:
    """Have the API server know every kind, and wait until objects of each can be made.

    Args:
        api: Its client.
        groups: Whose alone, such as ``keda.sh``.
    """
    every = [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in files()]
    definitions = [one for one in every if groups is None or one["spec"]["group"] in groups]
    for definition in definitions:
        api.apply(definition, "quorate-definitions")
    wait_for(
        "the definitions to be served",
        lambda: all(_served(api, definition["spec"]) for definition in definitions),
        _SERVED_S,
    )


def _served(api: Api, spec: Object) -> bool:
    versions = [version["name"] for version in spec["versions"]]
    return all(api.knows(f"{spec['group']}/{name}", spec["names"]["kind"]) for name in versions)
