"""Which operators a stack needs, and what is said of a cluster that lacks one."""

from pathlib import Path
from typing import Any

import pytest

from blueprint.operators import (
    KEDA,
    OPERATORS,
    PROMETHEUS,
    STRIMZI,
    Operator,
    operator_problems,
    operators_wanted,
)
from blueprint.stack_config import parse_stack

SETTINGS: dict[str, Any] = {
    "target": "kubernetes",
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
    "fleets": [{"name": "billing", "image": "fleet:1", "consumes": ["orders"]}],
}


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, (STRIMZI, KEDA)),
        ({"keda": False}, (STRIMZI,)),
        ({"fleets": []}, (STRIMZI,)),
        ({"monitoring": {}}, (STRIMZI, KEDA, PROMETHEUS)),
    ],
)
def test_a_stack_wants_the_operators_of_what_it_declares(
    changed: dict[str, Any], wanted: tuple[Operator, ...]
) -> None:
    """Nobody has to install what none of his objects is for."""
    assert operators_wanted(parse_stack(SETTINGS | changed, "a test")) == wanted


def test_a_cluster_with_every_kind_is_none_to_complain_of() -> None:
    """What is more than that does no harm."""
    served = {one.api: one.kinds | {"Other"} for one in OPERATORS}
    assert operator_problems(OPERATORS, served) == ()


def test_every_operator_that_is_missing_is_named_with_its_version_and_how_to_install_it() -> None:
    """All at once; and where a stack can do without it, how."""
    problems = operator_problems(OPERATORS, {STRIMZI.api: STRIMZI.kinds - {"KafkaUser"}})
    said = [str(problem) for problem in problems]
    assert len(said) == 3
    assert "without KafkaUser of kafka.strimzi.io/v1; legal: Strimzi's cluster operator" in said[0]
    assert "ScaledObject, TriggerAuthentication of keda.sh/v1alpha1; legal: KEDA, 2.17" in said[1]
    assert all("install it as docs/kubernetes.md says: helm install" in line for line in said)
    assert all("as on AWS, docs/aws.md says how" in line for line in said)
    assert "or do without it: quorate:keda: false" in said[1]


def test_an_older_operator_is_told_from_none() -> None:
    """One whose kinds are of another version of its API has to be made newer, not installed."""
    served = {"kafka.strimzi.io/v1beta2": STRIMZI.kinds}
    (problem,) = operator_problems([STRIMZI], served)
    assert "it has kafka.strimzi.io/v1beta2: of another version of the operator" in problem.given


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: one.group)
def test_the_page_asks_for_what_the_refusal_does(operator: Operator) -> None:
    """Version and command are the same in both."""
    page = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text()
    who, _, version = operator.wanted.partition(", ")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {who}")]
    assert f"| {version} |" in row
    assert operator.install in page.replace("\\\n  ", "")
