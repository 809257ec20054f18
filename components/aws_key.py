"""The key that everything of a stack on AWS is encrypted with: volumes, secrets, logs."""

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

#: AWS's longest: a key that is deleted takes every volume's data with it.
_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, slots=True)
class StackKeyArgs:
    """Whose key.

    Attributes:
        log_group: The one log group that may be encrypted with it.
        protect: Whether it refuses to be destroyed.
    """

    stack: str
    partition: str
    region: str
    account_id: pulumi.Input[str]
    log_group: str
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
    """The account's own policies decide who may use it; CloudWatch Logs may for one group."""
    arn = f"arn:{args.partition}"
    group = f"{arn}:logs:{args.region}:{account_id}:log-group:{args.log_group}"
    statements = [
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
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
