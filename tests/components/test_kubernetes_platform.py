"""What a stack on Kubernetes refuses before anything is declared."""

import pytest

from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack

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
        "security.providers": "of.a.Test",
    }
    with pytest.raises(BadInput) as refused:
        parse_stack({**SETTINGS, "broker_overrides": overrides}, "a test")
    assert [problem.path for problem in refused.value.problems] == [
        "a test: broker_overrides.controller.quorum.request.timeout.ms",
        "a test: broker_overrides.security.providers",
    ]


def test_three_zones_are_three() -> None:
    """Two logical zones on nodes of one label are refused."""
    zones = {"zones": ["eu-1a", "eu-1b", "eu-1a"]}
    with pytest.raises(BadInput, match="three different zones"):
        parse_stack({**SETTINGS, "kubernetes": zones}, "a test")
