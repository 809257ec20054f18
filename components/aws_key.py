"""The key that everything of a stack on AWS is encrypted with: volumes, secrets, logs."""

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from components.aws_policies import Statement

#: AWS's longest: a key that is deleted takes every volume's data with it.
_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, slots=True)
class StackKeyArgs:
    """Whose key.

    Attributes:
        log_group: The one log group that may be encrypted with it.
        auto_scaled: Whether Auto Scaling starts machines, as EKS has it, with disks of this key.
        protect: Whether it refuses to be destroyed.
    """

    stack: str
    partition: str
    region: str
    account_id: pulumi.Input[str]
    log_group: str
    auto_scaled: bool
    protect: bool


class StackKey(pulumi.ComponentResource):
    """A key that AWS renews every year, and its name."""

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: StackKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        super().__init__("quorate:aws:StackKey", name, {}, opts)
        account: pulumi.Output[str] = pulumi.Output.from_input(args.account_id)
        key = kms.Key(
            name,
            description=f"quorate {args.stack}: volumes, secrets, logs",
            enable_key_rotation=True,
            deletion_window_in_days=_DELETION_WINDOW_DAYS,
            policy=account.apply(lambda one: key_policy(args, one)),
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        kms.Alias(
            name,
            name=f"alias/quorate-{args.stack}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def key_policy(args: StackKeyArgs, account_id: str) -> str:
    """The account's own policies decide who may use it; CloudWatch Logs may for one group.

    So may Auto Scaling where it starts machines: its role's own policy lets it use no such key.
    """
    arn = f"arn:{args.partition}"
    group = f"{arn}:logs:{args.region}:{account_id}:log-group:{args.log_group}"
    statements: list[Statement] = [
        {
            "Sid": "AccountDecides",
            "Effect": "Allow",
            "Principal": {"AWS": f"{arn}:iam::{account_id}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "LogsOfThisStack",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{args.region}.amazonaws.com"},
            "Action": [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
                "kms:DescribeKey",
            ],
            "Resource": "*",
            "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
        },
    ]
    if args.auto_scaled:
        statements += _auto_scaling(arn, account_id)
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _auto_scaling(arn: str, account_id: str) -> list[Statement]:
    """What AWS asks of a key for the disks of machines that Auto Scaling starts.

    Source: EC2 Auto Scaling's user guide, "Required AWS KMS key policy for use with encrypted
    volumes", with each action by its name.
    """
    service = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    # KMS refuses a policy that names a principal which is not there, and an account has this role
    # only from its first group of Auto Scaling on; to make it fails where it is there already. To
    # name the account's root would only let policies of IAM decide, and this role's own are AWS's.
    # So anybody is named, and the conditions leave this one role of this one account.
    anybody = {"AWS": "*"}
    who = {
        "StringEquals": {"kms:CallerAccount": account_id},
        "ArnEquals": {"aws:PrincipalArn": f"{arn}:iam::{account_id}:{service}"},
    }
    return [
        {
            "Sid": "DisksOfAutoScaling",
            "Effect": "Allow",
            "Principal": anybody,
            "Action": [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:DescribeKey",
            ],
            "Resource": "*",
            "Condition": who,
        },
        {
            # A volume keeps the key by a grant, which only a service of AWS may be given.
            "Sid": "GrantsOfAutoScaling",
            "Effect": "Allow",
            "Principal": anybody,
            "Action": ["kms:CreateGrant"],
            "Resource": "*",
            "Condition": {**who, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]
