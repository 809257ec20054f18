"""The settings of the stack that is being deployed, as Pulumi hands them over."""

import json
from collections.abc import Iterator

import pulumi
import pytest

from blueprint.problem import BadInput
from components.stack_settings import stack_settings

STACK = {
    "target": "local",
    "security": "plaintext",
    "demand": {"peak_events_per_s": 5000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
}


@pytest.fixture(autouse=True)
def _no_settings_before_or_after() -> Iterator[None]:
    kept = pulumi.runtime.config.CONFIG.get()
    yield
    pulumi.runtime.set_all_config(kept)


def given(**texts: str) -> None:
    """A sound stack with these texts in the place of its own."""
    said = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in STACK.items()
    }
    pulumi.runtime.set_all_config(
        {f"quorate:{name}": text for name, text in (said | texts).items()}
    )


def test_lists_and_mappings_are_read_as_what_they_are() -> None:
    """Pulumi hands them over as JSON."""
    given()
    assert [topic.name for topic in stack_settings().topics] == ["orders"]


@pytest.mark.parametrize(
    "name", ["topics", "demand", "broker_overrides", "instance_type", "misspelt"]
)
@pytest.mark.parametrize("deep", [100, 1_000, 100_000])
def test_what_is_nested_too_deeply_is_refused_where_it_stands(name: str, deep: int) -> None:
    """However deep that is."""
    given(**{name: "[" * deep + "]" * deep})
    with pytest.raises(BadInput) as refused:
        stack_settings()
    assert len(refused.value.problems) == 1
    assert f": {name}" in refused.value.problems[0].path


@pytest.mark.parametrize("digits", [400, 5_000])
def test_a_number_that_is_too_long_is_refused_where_it_stands(digits: int) -> None:
    """It is none to JSON either."""
    given(failover_target_s="9" * digits)
    with pytest.raises(BadInput, match="failover_target_s"):
        stack_settings()
