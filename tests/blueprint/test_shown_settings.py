"""The settings that the pages show are settings that a stack takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprint.failover_profile import PROFILES
from blueprint.failover_target import worst_case
from blueprint.stack_config import parse_stack

DOCS = Path(__file__).parents[2] / "docs"
STACK: dict[str, Any] = {
    "target": "kubernetes",
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
}


def shown() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block of stack settings, and where it stands."""
    for page in sorted(DOCS.glob("*.md")):
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)):
            said = yaml.safe_load(text)
            if isinstance(said, dict) and all(key.startswith("quorate:") for key in said):
                fields = {key.removeprefix("quorate:"): value for key, value in said.items()}
                yield f"{page.name}-{number}", fields


BLOCKS = dict(shown())


@pytest.mark.parametrize("place", BLOCKS)
def test_what_a_page_shows_is_taken(place: str) -> None:
    """Over a small stack, with all that it says."""
    assert parse_stack(STACK | BLOCKS[place], place)


def test_something_is_shown() -> None:
    """Fleets' options, and how long a loss may be felt."""
    fields = {name for block in BLOCKS.values() for name in block}
    assert {"fleets", "traces", "failover_target_s"} <= fields


def test_the_page_has_the_worst_cases() -> None:
    """Of each profile, on both kinds of host."""
    page = (DOCS / "failover.md").read_text()
    for name, profile in PROFILES.items():
        own, strimzi = (worst_case(profile, target).produce_s for target in ("aws", "kubernetes"))
        (row,) = re.findall(rf"^\| {name} \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
        assert tuple(map(float, row)) == (own, strimzi)
