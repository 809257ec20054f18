"""Which target, and what it can do."""

import json

import pytest

from blueprint.outputs import LabOutput, StackOutputs
from blueprint.outputs import load as load_outputs
from blueprint.problem import BadInput
from chaos.experiment.load import load
from chaos.experiment.model import Experiment
from chaos.refusals import refuse_unfit
from chaos.targets.aws import AwsTarget
from chaos.targets.choice import target_of
from chaos.targets.kubernetes import KubernetesTarget
from chaos.targets.target import TargetError
from tests.blueprint.test_outputs import GOOD
from tests.chaos.targets.network import (
    TAG,
    described,
    ec2,
)
from tests.chaos.targets.playing import (
    Calls,
    recorded,
)


def test_a_lab_whose_stack_allows_no_chaos_is_left_alone() -> None:
    """Before it is even looked for."""
    lab = LabOutput(name="quiet", state_dir="labs/quiet", chaos=False)
    with pytest.raises(BadInput, match=r"outputs\.lab\.chaos: got false; legal: true"):
        target_of(load_outputs(json.dumps({**GOOD, "lab": lab.model_dump()})))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("az-kill", "kill and start nodes"),
        ("latency", "stall and slow links"),
        ("isolated-zone-kill", "kill and start nodes or stall and slow links"),
    ],
)
def test_what_aws_cannot_do_is_refused_with_what_it_can(
    fault: str, said: str, target: AwsTarget
) -> None:
    """Before AWS is even asked."""
    extra = ["steps.0.latency_ms=5"] if fault == "latency" else []
    calls = Calls()
    experiment = load("az-blackhole", [f"steps.0.fault={fault}", *extra])
    with pytest.raises(BadInput) as refusal:
        refuse_unfit(experiment, recorded(target))
    assert str(refusal.value) == (
        f"steps.0.fault: got {fault!r}; legal: on aws game-day: az-blackhole, greedy-consumer, "
        "member-join, member-kill, member-leave, members-stopped, noop, rolling-deploy; "
        f"the target aws can cut a zone off, not {said}"
    )
    assert calls.names == []


def test_every_fault_that_it_cannot_do_is_named(target: AwsTarget) -> None:
    """A game day of several."""
    with pytest.raises(BadInput) as refusal:
        refuse_unfit(load("gameday"), target)
    unfit = [step for step in load("gameday").steps if step.fault in ("az-kill", "latency")]
    assert len(refusal.value.problems) == len(unfit) > 0


@pytest.mark.parametrize(
    ("zone", "bare", "fine"),
    [("a", "b", True), ("b", "b", False), ("without-active-controller", "b", False)],
)
def test_every_zone_that_may_be_chosen_is_asked_about_before_the_run(
    zone: str, bare: str, fine: bool, target: AwsTarget
) -> None:
    """Where a role decides, that is each of them."""
    ec2().delete_tags(
        Resources=[described(target.outputs).subnet_ids[bare][0]], Tags=[{"Key": TAG[0]}]
    )
    experiment = load("az-blackhole", [f"steps.0.zone={zone}"])
    if fine:
        refuse_unfit(experiment, target)
    else:
        with pytest.raises(BadInput, match="without the tag"):
            refuse_unfit(experiment, target)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("control-one-zone-controllers", "lab.controller_zones: got a, a, a; legal: a, b, c"),
        ("control-one-zone-replicas", "lab.broker_zones: got a, a, a, b, c; legal: a, b, c"),
        ("control-short-retention", "log.retention.check.interval.ms: got '500'; legal: nothing"),
        ("control-kafka-defaults", "lab.profile: got kafka-defaults; legal: balanced"),
        ("control-unclean-election", "blast_radius.zones: got 3; legal: 1 on a cluster"),
    ],
)
def test_a_control_that_needs_a_lab_of_its_own_is_refused_elsewhere(
    name: str, said: str, target: AwsTarget
) -> None:
    """It would show nothing there, or too much."""
    with pytest.raises(BadInput) as refusal:
        refuse_unfit(load(name), target)
    assert any(said in str(problem) for problem in refusal.value.problems), refusal.value
    assert "lab of its own" in str(refusal.value)


@pytest.mark.parametrize("name", ["baseline", "rebalance"])
def test_what_disturbs_no_zone_runs_without_asking_aws(name: str, target: AwsTarget) -> None:
    """Load and group changes need nothing of the target."""
    calls = Calls()
    experiment: Experiment = load(name)
    refuse_unfit(experiment, recorded(target))
    assert calls.names == []


def test_outputs_choose_their_target(outputs: StackOutputs) -> None:
    """By what they say they are."""
    assert isinstance(target_of(outputs), AwsTarget)
    found = target_of(outputs.model_copy(update={"target": "kubernetes"}))
    assert isinstance(found, KubernetesTarget)
    assert str(found.place) == "kubernetes game-day"


def test_what_can_only_be_loaded_is_only_loaded(outputs: StackOutputs) -> None:
    """Every fault of a zone is refused, and one that nobody refused fails at its first word."""
    target = target_of(outputs.model_copy(update={"target": "kubernetes"}))
    refuse_unfit(load("rebalance"), target)
    with pytest.raises(BadInput, match="can be loaded, and no more, not cut a zone off"):
        refuse_unfit(load("az-blackhole"), target)
    for word in (
        lambda: target.zone_cut("a", "run.step"),
        lambda: target.permit_cut(["a"]),
        lambda: target.kill([1]),
        lambda: target.start([1]),
        lambda: target.empty_disks([1]),
        lambda: target.replicas_on_disk([1]),
        lambda: target.stall(["x"]),
        lambda: target.slow(["x"], 1, 0),
        lambda: target.heal_links(["x"]),
        lambda: target.probe_s(["x"], 1),
    ):
        with pytest.raises(TargetError, match="this target cannot"):
            word()
