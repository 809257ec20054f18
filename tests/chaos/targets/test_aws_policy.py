"""The policy in docs/game-day-aws.md grants what the suite calls, where it does, and no more."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from blueprint.outputs import StackOutputs
from chaos.restore import lease_book, restore
from chaos.targets.aws import AwsTarget
from chaos.targets.aws_acls import MARK
from components.aws_policies import SuiteRights, network_statements, suite_policy
from tests.chaos.targets.network import TAG, described
from tests.chaos.targets.playing import Calls, Killed, changes, cut_and_mend, everybody, recorded

DOCUMENT = Path(__file__).parents[3] / "docs" / "game-day-aws.md"
_RESOURCE = "aws:ResourceTag/{tag}"
#: AWS's service authorization reference for EC2: for each action and each resource type that it
#: needs, the keys that a condition on it may use. A condition on any other key never holds.
REFERENCE = {
    "ec2:CreateNetworkAcl": {
        "vpc": {_RESOURCE, "ec2:VpcID"},
        "network-acl": {"aws:RequestTag/{tag}", "ec2:NetworkAclID"},
    },
    "ec2:CreateTags": {"network-acl": {"ec2:CreateAction", "aws:RequestTag/{tag}", _RESOURCE}},
    "ec2:ReplaceNetworkAclAssociation": {
        "subnet": {_RESOURCE, "ec2:SubnetID", "ec2:Vpc"},
        "network-acl": {_RESOURCE, "ec2:NetworkAclID", "ec2:Vpc"},
    },
    "ec2:DeleteNetworkAcl": {"network-acl": {_RESOURCE, "ec2:NetworkAclID", "ec2:Vpc"}},
}
#: Granted to whoever makes a thing with tags; no call of its own.
IMPLIED = {"CreateTags"}
#: Everybody may ask who he is.
FREE = {"GetCallerIdentity"}

Statement = dict[str, Any]


@pytest.fixture
def policy(outputs: StackOutputs) -> dict[str, Any]:
    """The policy, filled in for a stack."""
    (block,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    aws = described(outputs)
    for word, value in {
        "REGION": aws.region,
        "ACCOUNT": aws.account_id,
        "VPC": aws.vpc_id,
        "KEY": TAG[0],
        "VALUE": TAG[1],
    }.items():
        block = re.sub(rf"\b{word}\b", value, block)
    found: dict[str, Any] = json.loads(block)
    return found


def listed(value: str | list[str]) -> list[str]:
    """One or many, as many."""
    return [value] if isinstance(value, str) else value


def keys_of(statement: Statement) -> set[str]:
    """The keys of a statement's conditions, tags by the word tag."""
    found = {key for test in statement.get("Condition", {}).values() for key in test}
    return {re.sub(r"Tag/.*", "Tag/{tag}", key) for key in found}


def test_it_is_what_a_stack_gives_its_own_game_day(
    policy: dict[str, Any], outputs: StackOutputs
) -> None:
    """Statement by statement, from one renderer; besides it come the suite's own credentials."""
    aws = described(outputs)
    rights = SuiteRights(
        partition="aws",
        region=aws.region,
        account_id=aws.account_id,
        vpc_id=aws.vpc_id,
        chaos_tag=TAG,
        secret_arn="arn:aws:secretsmanager:::secret:suite",
        key_arn="arn:aws:kms:::key/suite",
    )
    assert policy["Statement"] == network_statements(rights)
    deployed = json.loads(suite_policy(rights))["Statement"]
    assert deployed[: len(policy["Statement"])] == policy["Statement"]
    assert [one["Sid"] for one in deployed[len(policy["Statement"]) :]] == [
        "ReadOwnSecret",
        "DecryptOwnSecret",
    ]


def test_aws_would_take_it(policy: dict[str, Any]) -> None:
    """Moto parses it as IAM does."""
    made = boto3.client("iam").create_policy(PolicyName="suite", PolicyDocument=json.dumps(policy))
    assert made["Policy"]["PolicyName"] == "suite"
    broken = json.dumps(policy).replace("Allow", "Perhaps")
    with pytest.raises(Exception, match="MalformedPolicyDocument"):
        boto3.client("iam").create_policy(PolicyName="broken", PolicyDocument=broken)


def test_it_grants_exactly_what_is_called(
    policy: dict[str, Any], target: AwsTarget, run_dir: Path
) -> None:
    """By a step from lease to heal, and by a restore."""
    called = Calls(9)
    with pytest.raises(Killed):
        cut_and_mend(recorded(target), run_dir)
    again = Calls()
    restore(lease_book(), everybody)
    whole = Calls()
    cut_and_mend(recorded(target), run_dir)
    names = {*called.names, *again.names, *whole.names}
    granted = {one for statement in policy["Statement"] for one in listed(statement["Action"])}
    assert granted == {f"ec2:{name}" for name in names - FREE | IMPLIED}


def test_nothing_is_changed_but_what_is_the_stacks(
    policy: dict[str, Any], outputs: StackOutputs
) -> None:
    """Each change is granted on the account's resources, under a condition that can hold.

    All resource types that the action needs are granted, each by a statement of its own.
    """
    aws = described(outputs)
    granted: dict[str, set[str]] = {action: set() for action in REFERENCE}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            if not changes([action.removeprefix("ec2:")]):
                assert statement["Condition"] == {
                    "StringEquals": {"aws:RequestedRegion": aws.region}
                }
                continue
            resource = statement["Resource"]
            start = f"arn:aws:ec2:{aws.region}:{aws.account_id}:"
            assert resource.startswith(start)
            kind = resource.removeprefix(start).split("/")[0]
            granted[action].add(kind)
            assert keys_of(statement)
            assert keys_of(statement) <= REFERENCE[action][kind]
    assert granted == {action: set(kinds) for action, kinds in REFERENCE.items()}


def test_only_what_a_cut_made_may_be_deleted(policy: dict[str, Any]) -> None:
    """By the mark that every cut's network ACL carries, and no other."""
    by_action = {
        action: statement
        for statement in policy["Statement"]
        for action in listed(statement["Action"])
    }
    condition = by_action["ec2:DeleteNetworkAcl"]["Condition"]
    assert condition["Null"] == {f"aws:ResourceTag/{MARK}": "false"}
    assert condition["StringEquals"] == {f"aws:ResourceTag/{TAG[0]}": TAG[1]}
