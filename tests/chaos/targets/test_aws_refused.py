"""What may not be cut off is named, and nothing is touched."""

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput
from chaos.targets.aws import AwsTarget
from chaos.targets.target import TargetError
from tests.chaos.targets.network import (
    TAG,
    described,
    ec2,
    enforced,
    make_network,
    outputs_of,
    picture,
    ruled_by,
)
from tests.chaos.targets.playing import (
    Calls,
    cut_and_mend,
)


def changed(outputs: StackOutputs, **fields: object) -> StackOutputs:
    """Outputs that say something else of AWS."""
    aws_output = described(outputs).model_copy(update=fields)
    return outputs.model_copy(update={"aws": aws_output})


@pytest.fixture(params=["vpc", "subnet", "both", "value"])
def untagged(request: pytest.FixtureRequest, outputs: StackOutputs) -> list[str]:
    """Resources without the stack's tag: which."""
    aws_output = described(outputs)
    bare = {
        "vpc": [aws_output.vpc_id],
        "subnet": [aws_output.subnet_ids["a"][1]],
        "both": [aws_output.vpc_id, *aws_output.subnet_ids["a"]],
        "value": [aws_output.subnet_ids["a"][0]],
    }[request.param]
    ec2().delete_tags(Resources=bare, Tags=[{"Key": TAG[0]}])
    if request.param == "value":
        ec2().create_tags(Resources=bare, Tags=[{"Key": TAG[0], "Value": "no"}])
    return bare


def refused(outputs: StackOutputs, zone: str = "a") -> str:
    """What is said against cutting a zone off, before the run and again in it; nothing changes."""
    before, calls = picture(), Calls()
    target = AwsTarget(outputs, enforced(described(outputs).vpc_id))
    with pytest.raises(BadInput) as said:
        target.permit_cut([zone])
    with pytest.raises(TargetError):
        target.zone_cut(zone, "run.step")
    assert calls.changes == []
    assert picture() == before
    return str(said.value)


def test_what_does_not_carry_the_tag_is_named_and_nothing_is_touched(
    outputs: StackOutputs, untagged: list[str]
) -> None:
    """One message that names all of it."""
    message = refused(outputs)
    assert len(message.splitlines()) == 1
    assert all(one in message for one in untagged)
    assert f"{TAG[0]}={TAG[1]}" in message


def test_only_what_is_touched_needs_the_tag(
    target: AwsTarget, outputs: StackOutputs, run_dir: Path
) -> None:
    """Another zone's subnet without it does not stand in the way."""
    ec2().delete_tags(Resources=[described(outputs).subnet_ids["b"][0]], Tags=[{"Key": TAG[0]}])
    before = picture()
    cut_and_mend(target, run_dir, "a")
    assert picture() == before
    with pytest.raises(BadInput):
        target.permit_cut(["a", "b"])


Change = Callable[[StackOutputs], StackOutputs]


def _foreign_subnet(outputs: StackOutputs) -> StackOutputs:
    other = outputs_of(make_network())
    return changed(
        outputs,
        subnet_ids={**described(outputs).subnet_ids, "a": described(other).subnet_ids["a"]},
    )


def _shared(outputs: StackOutputs) -> StackOutputs:
    subnets = dict(described(outputs).subnet_ids)
    return changed(outputs, subnet_ids={**subnets, "b": (*subnets["b"], subnets["a"][0])})


def _spread(outputs: StackOutputs) -> StackOutputs:
    subnets = dict(described(outputs).subnet_ids)
    both = (*subnets["a"], subnets["b"][1])
    return changed(outputs, subnet_ids={**subnets, "a": both, "b": subnets["b"][:1]})


def _moved_node(outputs: StackOutputs) -> StackOutputs:
    hosts = {node.zone: node.host for node in outputs.nodes}
    nodes = [
        node.model_copy(update={"host": hosts["a"]}) if node.name == "broker-2" else node
        for node in outputs.nodes
    ]
    return outputs.model_copy(update={"nodes": tuple(nodes)})


def _elsewhere(outputs: StackOutputs) -> StackOutputs:
    nodes = [node.model_copy(update={"host": "10.99.0.1"}) for node in outputs.nodes]
    return outputs.model_copy(update={"nodes": tuple(nodes)})


def _nameless(outputs: StackOutputs) -> StackOutputs:
    nodes = [node.model_copy(update={"host": "broker.invalid"}) for node in outputs.nodes]
    return outputs.model_copy(update={"nodes": tuple(nodes)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda o: changed(o, account_id="999999999999"), "999999999999"),
        (lambda o: changed(o, region="eu-west-1"), "is not in eu-west-1"),
        (lambda o: changed(o, vpc_id="vpc-00000000"), "vpc-00000000 is not in"),
        (lambda o: changed(o, subnet_ids={}), "subnet_ids.a: got no subnet"),
        (lambda o: changed(o, subnet_ids={"a": ("subnet-0",)}), "subnet-0: not in"),
        (lambda o: changed(o, chaos_tag=None), "chaos_tag: got nothing"),
        (_foreign_subnet, "subnets of vpc-"),
        (_shared, "of another zone too"),
        (_spread, "one zone, not two"),
        (_moved_node, "broker-2 of zone b"),
        (_elsewhere, "in no subnet that would be cut off"),
        (_nameless, "which has no address here"),
    ],
)
def test_what_is_not_the_stacks_one_zone_is_refused_and_nothing_is_touched(
    change: Change, said: str, outputs: StackOutputs
) -> None:
    """Account, region, VPC, subnets and nodes are those of the outputs, and of one zone."""
    assert said in refused(change(outputs))


def test_every_reason_is_said_at_once(outputs: StackOutputs) -> None:
    """A tag that is missing does not hide a subnet that is another zone's."""
    ec2().delete_tags(Resources=[described(outputs).vpc_id], Tags=[{"Key": TAG[0]}])
    message = refused(_shared(outputs))
    assert "without the tag" in message
    assert "of another zone too" in message


def test_two_zones_are_never_cut_off_at_once(target: AwsTarget, outputs: StackOutputs) -> None:
    """Whoever cut the first: the second is refused, and the first is named."""
    first = target.zone_cut("a", "somebody.else")
    first.make()
    assert "somebody.else" in refused(outputs, "b")
    assert "somebody.else" in refused(outputs, "a")
    first.mend()
    target.permit_cut(["b"])


def test_of_two_runs_that_begin_at_one_moment_none_goes_on(target: AwsTarget) -> None:
    """Each finds the other's network ACL before it moves a subnet; the heal removes its own."""
    before = picture()
    ruled = ruled_by(described(target.outputs).vpc_id)
    first, second = target.zone_cut("a", "run.1"), target.zone_cut("b", "run.2")
    first.make()
    with pytest.raises(TargetError, match=r"run\.1; never two at once"):
        second.make()
    second.mend()
    moved = {s for s, acl in ruled_by(described(target.outputs).vpc_id).items() if acl != ruled[s]}
    assert moved == set(described(target.outputs).subnet_ids["a"])
    first.mend()
    assert picture() == before


def test_the_suites_own_machine_is_not_cut_off(
    outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From within it could not ask AWS to undo anything."""
    node = next(node for node in outputs.nodes if node.zone == "a")
    here = IPv4Address(node.host)
    monkeypatch.setattr("chaos.targets.aws_permit._own_address", lambda _: here)
    assert "the machine of the suite" in refused(outputs)
