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
    chaos_tag: tuple[str, str]
    secret_arn: str
    key_arn: str


def suite_policy(rights: SuiteRights) -> str:
    """A game day moves subnets of its own stack behind network ACLs of its own, and back."""
    key, value = rights.chaos_tag
    prefix = f"arn:{rights.partition}:ec2:{rights.region}:{rights.account_id}"
    ours = {"StringEquals": {f"aws:ResourceTag/{key}": value}}
    asked = {"StringEquals": {f"aws:RequestTag/{key}": value}}
    acls, subnets = f"{prefix}:network-acl/*", f"{prefix}:subnet/*"
    tags = {**asked["StringEquals"], "ec2:CreateAction": "CreateNetworkAcl"}
    look = ["ec2:DescribeNetworkAcls", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
    via_store = {"kms:ViaService": f"secretsmanager.{rights.region}.amazonaws.com"}
    return _document(
        [
            # AWS lets nobody narrow what may be looked at.
            {"Sid": "Look", "Effect": "Allow", "Action": look, "Resource": "*"},
            {
                **_allow("MakeInOwnVpc", ["ec2:CreateNetworkAcl"], [f"{prefix}:vpc/*"]),
                "Condition": ours,
            },
            {**_allow("MakeTagged", ["ec2:CreateNetworkAcl"], [acls]), "Condition": asked},
            {
                **_allow("TagWhatIsMade", ["ec2:CreateTags"], [acls]),
                "Condition": {"StringEquals": tags},
            },
            {
                **_allow("MoveOwnSubnets", ["ec2:ReplaceNetworkAclAssociation"], [acls, subnets]),
                "Condition": ours,
            },
            {**_allow("Remove", ["ec2:DeleteNetworkAcl"], [acls]), "Condition": ours},
            _allow("ReadOwnSecret", ["secretsmanager:GetSecretValue"], [rights.secret_arn]),
            {
                **_allow("DecryptOwnSecret", ["kms:Decrypt"], [rights.key_arn]),
                "Condition": {"StringEquals": via_store},
            },
        ]
    )


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


def _document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": _POLICY_VERSION, "Statement": list(statements)})
