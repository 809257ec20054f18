"""The AWS target on moto: cut off, measured, put back."""

from pathlib import Path

import pytest
from moto import mock_aws

from blueprint.outputs import StackOutputs
from chaos.leases import Lease, RestoreAcls
from chaos.restore import lease_book
from chaos.targets import aws
from chaos.targets.aws import AwsTarget
from chaos.targets.aws_acls import MARK
from chaos.targets.tcp_probe import Answer
from tests.chaos.targets.network import (
    REGION,
    TAG,
    cut_acls,
    described,
    ec2,
    enforced,
    make_stacks_network,
    move,
    new_acl,
    picture,
    ruled_by,
    stacks_outputs,
)
from tests.chaos.targets.playing import (
    ALL_CALLS,
    Calls,
    changes,
    cut_and_mend,
    effects,
    recorded,
)


def test_a_zone_is_cut_off_and_put_back(
    target: AwsTarget, outputs: StackOutputs, run_dir: Path
) -> None:
    """In between every subnet of the zone, and no other, is behind a tagged ACL without entries."""
    before, calls = picture(), Calls()
    vpc_id, subnets = described(outputs).vpc_id, described(outputs).subnet_ids
    cut = recorded(target).zone_cut("b", "run.step")
    cut.make()
    ruled = ruled_by(vpc_id)
    ours = {ruled[subnet] for subnet in subnets["b"]}
    assert len(ours) == 1
    assert all(ruled[one] not in ours for zone in "ac" for one in subnets[zone])
    acl = ec2().describe_network_acls(NetworkAclIds=list(ours))["NetworkAcls"][0]
    assert acl["Entries"] == []
    assert {tag["Key"]: tag["Value"] for tag in acl["Tags"]} == {TAG[0]: TAG[1], MARK: "run.step"}
    assert [(e.expected, e.measured) for e in cut.effects()] == [(2, 2), (2, 2)]
    assert cut.mend() == [f"back on their own network ACLs: {', '.join(sorted(subnets['b']))}"]
    assert picture() == before
    assert cut.mend() == []
    assert calls.changes.count("ReplaceNetworkAclAssociation") == 4


def test_on_a_stacks_own_network_only_the_zones_nodes_are_cut_off(at_once: None) -> None:
    """As docs/game-day-aws.md has it: the fleets' and endpoints' subnets stay as they were."""
    with mock_aws():
        outputs = stacks_outputs(make_stacks_network())
        vpc_id, subnets = described(outputs).vpc_id, described(outputs).subnet_ids
        before = ruled_by(vpc_id)
        assert len(before) == 9
        (own,) = set(before.values())
        cut = AwsTarget(outputs, enforced(vpc_id)).zone_cut("b", "run.step")
        cut.make()
        moved = {subnet for subnet, acl in ruled_by(vpc_id).items() if acl != own}
        (nodes,) = subnets["b"]
        assert moved == {nodes}
        assert [(e.expected, e.measured) for e in cut.effects()] == [(1, 1), (2, 2)]
        cut.mend()
        assert ruled_by(vpc_id) == before


def test_subnets_with_network_acls_of_their_own_get_exactly_those_back(
    target: AwsTarget, outputs: StackOutputs, run_dir: Path
) -> None:
    """Not the VPC's default one, and each its own."""
    vpc_id = described(outputs).vpc_id
    for subnet in described(outputs).subnet_ids["a"]:
        own = new_acl(vpc_id)
        ec2().create_network_acl_entry(
            NetworkAclId=own,
            RuleNumber=10,
            Protocol="6",
            RuleAction="allow",
            Egress=False,
            CidrBlock="10.0.0.0/8",
            PortRange={"From": 9092, "To": 9093},
        )
        move(subnet, own)
    before, ruled = picture(), ruled_by(vpc_id)
    cut_and_mend(target, run_dir)
    assert picture() == before
    assert ruled_by(vpc_id) == ruled
    assert len(set(ruled.values())) == 3


def test_a_whole_step_is_these_calls(target: AwsTarget, run_dir: Path) -> None:
    """The calls that the tests below are killed after; its history says that it bit."""
    before, calls = picture(), Calls()
    cut_and_mend(recorded(target), run_dir)
    assert tuple(calls.names) == ALL_CALLS
    assert picture() == before
    assert lease_book().all() == []
    found = {str(e["effect"]): (e["expected"], e["measured"]) for e in effects(run_dir)}
    assert found == {
        "subnets that deny everything": (2, 2),
        "nodes that answered and are silent": (2, 2),
    }


def test_changes_are_what_does_not_only_ask() -> None:
    """The measure of the tests above."""
    assert changes(ALL_CALLS) == [
        "CreateNetworkAcl",
        *["ReplaceNetworkAclAssociation"] * 4,
        "DeleteNetworkAcl",
    ]


def test_every_original_is_on_disk_before_the_first_change(
    target: AwsTarget, outputs: StackOutputs, run_dir: Path
) -> None:
    """The lease alone says where, what, and how it was."""
    vpc_id = described(outputs).vpc_id
    ruled = ruled_by(vpc_id)
    seen: list[Lease] = []

    def look(**_: object) -> None:
        seen.extend(lease for _, lease in lease_book().all())

    Calls().session.events.register("before-call.ec2.CreateNetworkAcl", look)
    cut_and_mend(recorded(target), run_dir)
    (lease,) = seen
    assert lease.undo == (
        RestoreAcls(
            region=REGION,
            account_id="123456789012",
            vpc_id=vpc_id,
            mark="az-blackhole-1.cut",
            original={subnet: ruled[subnet] for subnet in described(outputs).subnet_ids["a"]},
        ),
    )
    assert str(lease.place) == "aws game-day"


def test_a_cut_that_drops_nothing_does_not_bite(
    outputs: StackOutputs, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back it is there, and yet the nodes answer: the run will be INVALID."""
    monkeypatch.setattr(aws, "BITE_TIMEOUT_S", 0.0)
    target = AwsTarget(outputs, lambda *_: Answer.CONNECTED)
    cut_and_mend(target, run_dir)
    assert [e["measured"] for e in effects(run_dir)] == [2, 0]


@pytest.mark.parametrize("always", [Answer.SILENT, Answer.REFUSED])
def test_nodes_that_never_answered_are_no_proof(
    always: Answer, outputs: StackOutputs, run_dir: Path
) -> None:
    """Silence counts only where there was an answer before."""
    cut_and_mend(AwsTarget(outputs, lambda *_: always), run_dir)
    assert [e["measured"] for e in effects(run_dir)] == [2, 0]


def test_an_acl_that_allows_something_denies_not_everything(
    target: AwsTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that somebody adds in the middle is seen."""
    monkeypatch.setattr(aws, "BITE_TIMEOUT_S", 0.0)
    cut = target.zone_cut("a", "run.step")
    cut.make()
    acl_id = cut_acls()[0]
    ec2().create_network_acl_entry(
        NetworkAclId=acl_id,
        RuleNumber=1,
        Protocol="-1",
        RuleAction="allow",
        Egress=True,
        CidrBlock="0.0.0.0/0",
    )
    assert cut.effects()[0].measured == 0
    cut.mend()
