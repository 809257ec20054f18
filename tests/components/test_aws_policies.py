"""Every IAM document that a stack on AWS renders, judged by AWS's own table of actions."""

import json
import warnings
from typing import Any

import pytest

from blueprint.stack_config import ArtifactConfig
from components.aws_key import StackKeyArgs, key_policy
from components.aws_policies import (
    NodeRights,
    SuiteRights,
    node_policy,
    partition_of,
    readable_objects,
    suite_policy,
    trust,
)

_ACCOUNT, _REGION = "123456789012", "eu-west-1"
_ARTIFACT = ArtifactConfig(bucket="artifacts", key="kafka.tgz", sha512="ab" * 64)
_KEY = f"arn:aws:kms:{_REGION}:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_SECRET = f"arn:aws:secretsmanager:{_REGION}:{_ACCOUNT}:secret:quorate/test/broker-1-AbCdEf"
#: What AWS itself lets nobody narrow to a resource.
_UNBOUNDED = {"BeReachedBySystemsManager", "Look"}


def _node() -> str:
    return node_policy(
        NodeRights(
            partition="aws",
            region=_REGION,
            key_arn=_KEY,
            secret_arns=[_SECRET],
            parameter_arns=[f"arn:aws:ssm:{_REGION}:{_ACCOUNT}:parameter/quorate/test/broker-1/x"],
            log_group_arn=f"arn:aws:logs:{_REGION}:{_ACCOUNT}:log-group:/quorate/test",
            artifact=_ARTIFACT,
        )
    )


def _suite() -> str:
    return suite_policy(
        SuiteRights(
            partition="aws",
            region=_REGION,
            account_id=_ACCOUNT,
            vpc_id="vpc-0123456789abcdef0",
            chaos_tag=("quorate:chaos", "test"),
            secret_arn=_SECRET,
            key_arn=_KEY,
        )
    )


def _key_policy(*, auto_scaled: bool) -> str:
    args = StackKeyArgs(
        stack="test",
        partition="aws",
        region=_REGION,
        account_id=_ACCOUNT,
        log_group="/quorate/test",
        auto_scaled=auto_scaled,
        protect=False,
    )
    return key_policy(args, _ACCOUNT)


@pytest.mark.parametrize("text", [_node(), _suite()], ids=["node", "suite"])
def test_policies_are_understood(text: str) -> None:
    """Actions, resources and conditions are all ones that AWS knows, and fit each other."""
    with warnings.catch_warnings():
        # While it is imported it leaves files open and has escapes that Python warns of.
        warnings.simplefilter("ignore")
        import parliament
    found = parliament.analyze_policy_string(text).findings
    # These need two kinds of resources, each allowed by a statement of its own.
    split = ("ec2:CreateNetworkAcl", "ec2:ReplaceNetworkAclAssociation")
    grave = [
        one
        for one in found
        if one.issue != "RESOURCE_STAR"
        and not (
            one.issue == "RESOURCE_MISMATCH" and any(action in str(one.detail) for action in split)
        )
    ]
    assert not [f"{one.issue}: {one.detail} {one.location}" for one in grave]


@pytest.mark.parametrize("text", [_node(), _suite()], ids=["node", "suite"])
def test_nothing_is_granted_with_a_wildcard(text: str) -> None:
    """Each action is named, and only what AWS lets nobody narrow is for every resource."""
    for statement in _statements(text):
        assert not any("*" in action for action in _actions(statement))
        resources = statement["Resource"]
        if "*" in ([resources] if isinstance(resources, str) else resources):
            assert statement["Sid"] in _UNBOUNDED


def test_the_suite_changes_only_what_carries_the_stacks_tag() -> None:
    """Each change of it is bound to the tag; tags are given, and ACLs moved, in its VPC alone."""
    changes = [s for s in _statements(_suite()) if _actions(s)[0].startswith("ec2:")]
    bound = {
        s["Sid"]: {key.partition("/")[2] or key for test in s["Condition"].values() for key in test}
        for s in changes
    }
    assert bound.pop("Look") == {"aws:RequestedRegion"}
    assert bound.pop("TagWhatItMakes") == {"ec2:CreateAction"}
    assert bound.pop("MoveWithinTheNetwork") == {"ec2:Vpc"}
    assert bound
    assert all("quorate:chaos" in keys for keys in bound.values())


def test_only_a_service_of_aws_takes_on_a_role() -> None:
    """And pods are told apart by tags that their agent gives."""
    (machine,) = _statements(trust("ec2.amazonaws.com"))
    assert machine["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert machine["Action"] == ["sts:AssumeRole"]
    (pod,) = _statements(trust("pods.eks.amazonaws.com"))
    assert pod["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_the_key_is_used_for_logs_of_one_group_alone() -> None:
    """Everything else is the account's own policies' to say."""
    _, logs = _statements(_key_policy(auto_scaled=False))
    (bound,) = logs["Condition"]["ArnEquals"].values()
    assert bound == f"arn:aws:logs:{_REGION}:{_ACCOUNT}:log-group:/quorate/test"


def test_auto_scaling_starts_machines_with_disks_of_the_key() -> None:
    """Its own role of the account and nobody else, as AWS asks it of a managed node group's key."""
    _, _, disks, grants = _statements(_key_policy(auto_scaled=True))
    assert set(disks["Action"]) == {
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:DescribeKey",
    }
    assert grants["Action"] == ["kms:CreateGrant"]
    role = (
        f"arn:aws:iam::{_ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling"
    )
    who = {
        "StringEquals": {"kms:CallerAccount": _ACCOUNT},
        "ArnEquals": {"aws:PrincipalArn": role},
    }
    assert disks["Condition"] == who
    assert grants["Condition"] == {**who, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert {one["Effect"] for one in (disks, grants)} == {"Allow"}


def test_the_key_names_nobody_who_may_not_be_there() -> None:
    """KMS refuses a policy that does; whoever is meant by ``*`` is narrowed to one role."""
    for auto_scaled in (False, True):
        for statement in _statements(_key_policy(auto_scaled=auto_scaled)):
            (principal,) = statement["Principal"].values()
            assert principal in {
                f"arn:aws:iam::{_ACCOUNT}:root",
                f"logs.{_REGION}.amazonaws.com",
                "*",
            }
            if principal == "*":
                assert set(statement["Condition"]) >= {"StringEquals", "ArnEquals"}


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_begin_with_the_regions_partition(region: str, partition: str) -> None:
    """Elsewhere they would name nothing."""
    assert partition_of(region) == partition
    for arn in readable_objects(partition, region, _ARTIFACT):
        assert arn.startswith(f"arn:{partition}:s3:::")


def _actions(statement: dict[str, Any]) -> list[str]:
    actions: str | list[str] = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


def _statements(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = document["Statement"]
    return statements
