"""What a stack may schedule is what the suite ships and the stack's target can run."""

from typing import Any

import pytest

from blueprint.game_days import GAME_DAYS
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack
from chaos.experiment.load import load, shipped
from chaos.experiment.model import LabSettings
from chaos.faults import REGISTRY
from chaos.targets.aws import AwsTarget
from chaos.targets.kubernetes import KubernetesTarget
from chaos.targets.target import Untouchable

STACK: dict[str, Any] = {
    "demand": {"peak_events_per_s": 5_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
    "chaos": True,
}
AWS = {
    "region": "eu-central-1",
    "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "0" * 128},
}


def stack(target: str, **game_day: str) -> dict[str, Any]:
    """A stack with a game day."""
    aws = {"aws": AWS} if target == "aws" else {}
    return STACK | aws | {"target": target, "game_day": {"image": "chaos:1", **game_day}}


@pytest.mark.parametrize(("target", "can"), [("aws", AwsTarget), ("kubernetes", KubernetesTarget)])
def test_the_lists_are_what_the_suite_would_not_refuse(target: str, can: type[Untouchable]) -> None:
    """Every shipped experiment whose faults the target is able to, and no other.

    What needs a lab of its own making is not for a cluster that is there.
    """
    able = {
        one.name
        for one in shipped()
        if one.lab == LabSettings()
        and all(REGISTRY[step.fault].needs <= can.abilities for step in one.steps)
    }
    assert set(GAME_DAYS[target]) == able
    assert len(set(GAME_DAYS[target])) == len(GAME_DAYS[target])


@pytest.mark.parametrize(
    ("target", "first"), [("aws", "az-blackhole"), ("kubernetes", "rebalance")]
)
def test_a_game_day_that_says_nothing_is_one_that_can_pass(target: str, first: str) -> None:
    """The target's first; it is a run of the suite that is to succeed, and no control."""
    made = parse_stack(stack(target), "stack")
    assert made.game_day is not None
    assert made.game_day.experiment == first
    assert not first.startswith("control-")
    assert load(first).steps


@pytest.mark.parametrize("experiment", ["gameday", "az-kill", "no-such", "../x"])
@pytest.mark.parametrize("target", ["aws", "kubernetes"])
def test_a_game_day_that_would_be_refused_every_week_is_refused_now(
    target: str, experiment: str
) -> None:
    """With what runs there."""
    with pytest.raises(BadInput) as refused:
        parse_stack(stack(target, experiment=experiment), "stack")
    (problem,) = refused.value.problems
    assert problem.path == "stack: game_day.experiment"
    assert problem.given == repr(experiment)
    assert problem.legal == ", ".join(GAME_DAYS[target])


def test_a_game_day_on_this_machine_is_refused_and_not_ignored() -> None:
    """With the command that runs one."""
    with pytest.raises(BadInput, match="python -m chaos run gameday") as refused:
        parse_stack(stack("local"), "stack")
    assert [problem.path for problem in refused.value.problems] == ["stack: game_day"]
