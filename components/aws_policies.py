"""What machines of a stack on AWS may do: IAM's own documents, rendered and nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from blueprint.stack_config import ArtifactConfig

Statement = dict[str, object]
#: Regions that are not of AWS's public partition, by how their names begin.
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
#: The repositories of Amazon Linux 2023 in S3, one bucket in each region.
_PACKAGES_BUCKET = "al2023-repos-{region}-de612dc2"
#: Where ECR keeps the layers of its images.
_LAYERS_BUCKET = "prod-{region}-starport-layer-bucket"
_POLICY_VERSION = "2012-10-17"
#: The tag that the chaos suite gives a network ACL which it made for a cut.
_CUT_MARK = "quorate:cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRights:
    """What one node reads and writes, by ARN."""

    partition: str
    region: str
    key_arn: str
    secret_arns: Sequence[str]
    parameter_arns: Sequence[str]
    log_group_arn: str
    artifact: ArtifactConfig


def partition_of(region: str) -> str:
    """AWS's partition of a region, as ARNs begin with it."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def trust(service: str) -> str:
    """Who may take a role on: a service of AWS."""
    actions = ["sts:AssumeRole"]
    if service == "pods.eks.amazonaws.com":
        actions.append("sts:TagSession")
    statement: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": actions,
    }
    return _document([statement])


def node_policy(rights: NodeRights) -> str:
    """A node reads its own secret and settings and the archive, and writes its own logs."""
    archive = archive_arn(rights.partition, rights.artifact)
    via_store = {"kms:ViaService": f"secretsmanager.{rights.region}.amazonaws.com"}
    return _document(
        [
            {
                # What the agent of Systems Manager asks for has no narrower resource.
                "Sid": "BeReachedBySystemsManager",
                "Effect": "Allow",
                "Action": [
                    "ec2messages:AcknowledgeMessage",
                    "ec2messages:DeleteMessage",
                    "ec2messages:FailMessage",
                    "ec2messages:GetEndpoint",
                    "ec2messages:GetMessages",
                    "ec2messages:SendReply",
                    "ssm:UpdateInstanceInformation",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                "Resource": "*",
            },
            _allow("ReadOwnSettings", ["ssm:GetParameter"], rights.parameter_arns),
            _allow("ReadOwnSecret", ["secretsmanager:GetSecretValue"], rights.secret_arns),
            {
                **_allow("DecryptOwnSecret", ["kms:Decrypt"], [rights.key_arn]),
                "Condition": {"StringEquals": via_store},
            },
            _allow(
                "WriteLogs",
                ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                [f"{rights.log_group_arn}:*"],
            ),
            _allow("ReadArchive", ["s3:GetObject"], [archive]),
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRights:
    """What a game day may touch.

    Attributes:
        chaos_tag: Key and value without which nothing may be changed.
    """

    partition: str
    region: str
    account_id: str
    vpc_id: str
    chaos_tag: tuple[str, str]
    secret_arn: str
    key_arn: str


def suite_policy(rights: SuiteRights) -> str:
    """A game day moves subnets of its own stack behind network ACLs of its own, and back.

    Besides, it reads the suite's own credentials.
    """
    via_store = {"kms:ViaService": f"secretsmanager.{rights.region}.amazonaws.com"}
    return _document(
        [
            *network_statements(rights),
            _allow("ReadOwnSecret", ["secretsmanager:GetSecretValue"], [rights.secret_arn]),
            {
                **_allow("DecryptOwnSecret", ["kms:Decrypt"], [rights.key_arn]),
                "Condition": {"StringEquals": via_store},
            },
        ]
    )


def network_statements(rights: SuiteRights) -> list[Statement]:
    """What it may do to a network, as docs/game-day-aws.md has it for whoever runs it elsewhere.

    A network ACL is made of a VPC and of itself, and moved with a subnet and two ACLs: each kind is
    a statement of its own, for no condition fits them all.
    """
    key, value = rights.chaos_tag
    prefix = f"arn:{rights.partition}:ec2:{rights.region}:{rights.account_id}"
    vpc, acls, subnets = (
        f"{prefix}:vpc/{rights.vpc_id}",
        f"{prefix}:network-acl/*",
        f"{prefix}:subnet/*",
    )
    here = {"ArnEquals": {"ec2:Vpc": vpc}}
    ours = {"StringEquals": {f"aws:ResourceTag/{key}": value}}
    asked = {"StringEquals": {f"aws:RequestTag/{key}": value}}
    look = ["ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeNetworkAcls"]
    region = {"StringEquals": {"aws:RequestedRegion": rights.region}}
    making = {"StringEquals": {"ec2:CreateAction": "CreateNetworkAcl"}}
    make, move = "ec2:CreateNetworkAcl", "ec2:ReplaceNetworkAclAssociation"
    return [
        # AWS lets nobody narrow what may be looked at.
        _granted("Look", look, "*", region),
        _granted("MakeInTheStacksNetwork", make, vpc, ours),
        _granted("MakeWithItsTags", make, acls, {**asked, **_marked("aws:RequestTag")}),
        _granted("TagWhatItMakes", "ec2:CreateTags", acls, making),
        _granted("MoveTaggedSubnets", move, subnets, {**ours, **here}),
        _granted("MoveWithinTheNetwork", move, acls, here),
        _granted(
            "DeleteWhatItMade",
            "ec2:DeleteNetworkAcl",
            acls,
            {**ours, **_marked("aws:ResourceTag")},
        ),
    ]


def archive_arn(partition: str, artifact: ArtifactConfig) -> str:
    """The one object that is Kafka."""
    return f"arn:{partition}:s3:::{artifact.bucket}/{artifact.key}"


def readable_objects(partition: str, region: str, artifact: ArtifactConfig) -> tuple[str, ...]:
    """Everything in S3 that may be read from within the VPC."""
    buckets = (_PACKAGES_BUCKET, _LAYERS_BUCKET)
    public = (f"arn:{partition}:s3:::{name.format(region=region)}/*" for name in buckets)
    return (*public, archive_arn(partition, artifact))


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _granted(
    sid: str, actions: str | list[str], resource: str, condition: dict[str, dict[str, str]]
) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions,
        "Resource": resource,
        "Condition": condition,
    }


def _marked(where: str) -> dict[str, dict[str, str]]:
    """Only with the mark of a cut, whatever it says."""
    return {"Null": {f"{where}/{_CUT_MARK}": "false"}}


def _document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": _POLICY_VERSION, "Statement": list(statements)})
