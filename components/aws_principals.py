"""The principals of a stack on AWS: what each proves itself with, and where that is kept."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from blueprint.access import ADMIN, LAG, SUITE
from blueprint.blueprint import Blueprint
from blueprint.client_settings import Setting
from blueprint.outputs import CredentialsOutput
from blueprint.security import Credentials, Security, client_security, security_output
from components.identities import Authority, Identity, client_identity, credentials_json
from components.secret_store import StoredSecret, StoredSecretArgs


@dataclass(frozen=True, slots=True)
class PrincipalsArgs:
    """Whose.

    Attributes:
        first_users_path: The secret of whom the quorum lets in from its first moment on.
    """

    stack: str
    blueprint: Blueprint
    authority: Authority
    key_arn: pulumi.Output[str]
    first_users_path: str


class Principals(pulumi.ComponentResource):
    """A certificate or a password for the administrator, the suite, each fleet and each client.

    Attributes:
        identities: By name.
        secrets: By name.
        first_users: The administrator, where he proves himself by a password.
    """

    def __init__(
        self, name: str, args: PrincipalsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them."""
        super().__init__("quorate:aws:Principals", name, {}, opts)
        self._args = args
        self._security = args.blueprint.broker_settings.security
        self._child = pulumi.ResourceOptions(parent=self)
        names = list(_names(args.blueprint))
        by_password = self._security is Security.SCRAM
        self.identities = {
            one: Identity(
                one, client_identity(args.authority, one, password=by_password), self._child
            )
            for one in names
        }
        self.secrets = {one: self._stored(one) for one in names}
        self.first_users = self._first_users() if by_password else None
        self.register_outputs({"secrets": {one: self.secrets[one].arn for one in names}})

    def admin_settings(self) -> pulumi.Output[dict[str, Setting]]:
        """What the administrator adds to a client's settings; secret."""
        admin = self.identities[ADMIN.name]
        parts = pulumi.Output.all(
            ca=self._args.authority.certificate_pem,
            password=admin.password,
            certificate=admin.certificate_pem,
            key=admin.key_pem,
        )

        def settings(known: dict[str, str]) -> dict[str, Setting]:
            own = Credentials(ADMIN.name, known["password"], known["certificate"], known["key"])
            nowhere = CredentialsOutput(source="aws-secret", at="the stack's own state")
            return client_security(security_output(self._security, known["ca"], nowhere), own)

        secret: pulumi.Output[dict[str, Setting]] = pulumi.Output.secret(parts.apply(settings))
        return secret

    def _stored(self, who: str) -> StoredSecret:
        # The suite asks controllers too, and they know no passwords.
        certificate = self._security is Security.MTLS or who == SUITE.name
        value = credentials_json(
            self.identities[who],
            who,
            password=self._security is Security.SCRAM,
            certificate=certificate,
        )
        stored = StoredSecretArgs(
            path=f"quorate/{self._args.stack}/{who}",
            value=value,
            kms_key_arn=self._args.key_arn,
            description=f"credentials of {who}",
        )
        return StoredSecret(f"{who}-credentials", stored, self._child)

    def _first_users(self) -> StoredSecret:
        stored = StoredSecretArgs(
            path=self._args.first_users_path,
            value=self.identities[ADMIN.name].salted_user,
            kms_key_arn=self._args.key_arn,
            description="whom the quorum lets in from its first moment on, salted",
        )
        return StoredSecret("first-users", stored, self._child)


def _names(blueprint: Blueprint) -> Iterable[str]:
    yield ADMIN.name
    if blueprint.config.chaos:
        yield SUITE.name
    if blueprint.config.lag_image is not None:
        yield LAG.name
    for user in blueprint.config.users:
        yield user.name
