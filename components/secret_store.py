"""A secret in AWS Secrets Manager, encrypted with the stack's own key."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager


@dataclass(frozen=True, slots=True)
class StoredSecretArgs:
    """One secret.

    Attributes:
        path: Its name in the store.
        value: What it is; marked as a secret wherever it goes.
    """

    path: str
    value: pulumi.Output[str]
    kms_key_arn: pulumi.Input[str]
    description: str


class StoredSecret(pulumi.ComponentResource):
    """A secret and what it is now.

    Attributes:
        version_id: Another one whenever the value is another one.
    """

    arn: pulumi.Output[str]
    version_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: StoredSecretArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        super().__init__("quorate:aws:StoredSecret", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        secret = secretsmanager.Secret(
            name,
            name=args.path,
            description=args.description,
            kms_key_id=args.kms_key_arn,
            # Every value is in the stack's state, and a stack that is made again needs the name.
            recovery_window_in_days=0,
            tags={"Name": args.path},
            opts=child,
        )
        value: pulumi.Output[str] = pulumi.Output.secret(args.value)
        version = secretsmanager.SecretVersion(
            name,
            secret_id=secret.id,
            secret_string=value,
            opts=child,
        )
        self.arn = secret.arn
        self.version_id = version.version_id
        self.register_outputs({"arn": self.arn, "version_id": self.version_id})
