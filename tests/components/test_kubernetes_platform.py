"""What a stack on Kubernetes refuses before anything is declared."""

import pytest

from blueprint.blueprint import blueprint_of
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack
from components.kubernetes_platform import declare

SETTINGS = {
    "target": "kubernetes",
    "demand": {"peak_events_per_s": 5000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
}


def test_a_setting_that_strimzi_would_drop_is_refused() -> None:
    """Each override that the operator would not hear is a problem of its own."""
    overrides = {
        "controller.quorum.request.timeout.ms": "500",
        "num.io.threads": "16",
        "password.encoder.secret": "of a test",
    }
    blueprint = blueprint_of(parse_stack({**SETTINGS, "broker_overrides": overrides}, "a test"))
    with pytest.raises(BadInput) as refused:
        declare(blueprint)
    assert [problem.path for problem in refused.value.problems] == [
        "quorate:broker_overrides.controller.quorum.request.timeout.ms",
        "quorate:broker_overrides.password.encoder.secret",
    ]


def test_three_zones_are_three() -> None:
    """Two logical zones on nodes of one label are refused."""
    zones = {"zones": ["eu-1a", "eu-1b", "eu-1a"]}
    with pytest.raises(BadInput, match="three different zones"):
        parse_stack({**SETTINGS, "kubernetes": zones}, "a test")
