"""Who is who in a stack on AWS: its authority, certificates and passwords, kept in its state.

Everything secret is a secret output, encrypted where the state is kept. The providers are pickled
by module and run in a process of the engine's: importing this creates no resource.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from blueprint.certificates import Pair, issue, make_authority, renewal_due
from blueprint.security import CLIENTS_UNIT, NODES_UNIT, Credentials
from components.user_data import salted_user

_PASSWORD_BYTES, _SALT_BYTES, _ID_BYTES = 32, 16, 16
#: Kafka's own default, and the least it takes; a random password needs no more.
ITERATIONS = 4096
#: What an identity is of; all else follows.
_ASKED = ("unit", "name", "hosts", "authority_pem")


@dataclass(frozen=True, slots=True)
class IdentityArgs:
    """One principal, or one node.

    Attributes:
        name: The certificate's common name, and the user's.
        hosts: Names and addresses under which it serves; a client has none.
        password: Whether it has one.
    """

    authority: "Authority"
    unit: str
    name: str
    hosts: Sequence[str] = ()
    password: bool = False


class ClusterIdProvider(ResourceProvider):
    """Draws a cluster's id, once."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Draw it."""
        drawn = kafka_uuid()
        return CreateResult(drawn, {**props, "cluster_id": drawn})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """It stays what it is."""
        return DiffResult(changes=False)


class AuthorityProvider(ResourceProvider):
    """Makes an authority, once: another one would be trusted by nobody."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it."""
        pair = make_authority(str(props["name"]))
        made = {"certificate_pem": pair.certificate_pem, "key_pem": pair.key_pem}
        return CreateResult(str(props["name"]), {**props, **made})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """It stays what it is, unless it is to have another name."""
        replaced = ["name"] if _olds.get("name") != _news.get("name") else []
        return DiffResult(changes=bool(replaced), replaces=replaced)


class IdentityProvider(ResourceProvider):
    """Signs a certificate, and signs it anew when it is about to end; a password stays."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Sign it, and draw a password if it is to have one."""
        made = _signed(props) | _password(props)
        return CreateResult(f"{props['unit']}/{props['name']}", made)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What is asked for is compared, and the certificate's end with today."""
        changed = any(_olds.get(name) != _news.get(name) for name in _ASKED)
        changed = changed or bool(_olds.get("password")) != bool(_news.get("with_password"))
        changed = changed or renewal_due(str(_olds["certificate_pem"]), datetime.now(UTC))
        return DiffResult(changes=changed)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Sign it anew."""
        kept = {name: _olds[name] for name in ("password", "salted_user") if _olds.get(name)}
        same = bool(kept) and bool(_news.get("with_password"))
        return UpdateResult(_signed(_news) | (kept if same else _password(_news)))


class ClusterId(Resource, module="quorate:aws", name="ClusterId"):
    """A cluster's id; it is drawn when the stack is made, and goes with it."""

    cluster_id: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(ClusterIdProvider(), name, {"cluster_id": None}, opts)


class Authority(Resource, module="quorate:aws", name="Authority"):
    """What signs every certificate of a stack."""

    certificate_pem: pulumi.Output[str]
    key_pem: pulumi.Output[str]

    def __init__(
        self, name: str, common_name: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        inputs = {"name": common_name, "certificate_pem": None, "key_pem": None}
        super().__init__(AuthorityProvider(), name, inputs, _secret(opts, "key_pem"))


class Identity(Resource, module="quorate:aws", name="Identity"):
    """A certificate, its key, and a password if there is to be one.

    Attributes:
        salted_user: The user as StorageTool takes it; empty without a password.
    """

    certificate_pem: pulumi.Output[str]
    key_pem: pulumi.Output[str]
    password: pulumi.Output[str]
    salted_user: pulumi.Output[str]

    def __init__(
        self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        made = dict.fromkeys(("certificate_pem", "key_pem", "password", "salted_user"))
        inputs = made | {
            "unit": args.unit,
            "name": args.name,
            "hosts": list(args.hosts),
            "with_password": args.password,
            "authority_pem": args.authority.certificate_pem,
            "authority_key_pem": args.authority.key_pem,
        }
        hidden = _secret(opts, "key_pem", "password", "salted_user", "authority_key_pem")
        super().__init__(IdentityProvider(), name, inputs, hidden)


def node_pem(identity: Identity) -> pulumi.Output[str]:
    """A node's key and certificate in one text, as Kafka's keystore has them."""
    both = pulumi.Output.all(identity.key_pem, identity.certificate_pem)
    return pulumi.Output.secret(both.apply("".join))


def credentials_json(
    identity: Identity, username: str, *, password: bool, certificate: bool
) -> pulumi.Output[str]:
    """A client's credentials as they are kept in the secret store."""

    def written(parts: Mapping[str, str]) -> str:
        return Credentials(
            username=username if password else "",
            password=parts["password"] if password else "",
            certificate_pem=parts["certificate_pem"] if certificate else "",
            key_pem=parts["key_pem"] if certificate else "",
        ).to_json()

    parts = pulumi.Output.all(
        password=identity.password,
        certificate_pem=identity.certificate_pem,
        key_pem=identity.key_pem,
    )
    return pulumi.Output.secret(parts.apply(written))


def node_identity(authority: Authority, name: str, hosts: Sequence[str]) -> IdentityArgs:
    """A broker or controller, which serves under these names and addresses."""
    return IdentityArgs(authority, NODES_UNIT, name, hosts)


def client_identity(authority: Authority, name: str, *, password: bool) -> IdentityArgs:
    """A fleet, another client, or one of the platform's own principals."""
    return IdentityArgs(authority, CLIENTS_UNIT, name, password=password)


def kafka_uuid() -> str:
    """A random id as Kafka writes it: 22 characters that never begin with a dash."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _signed(props: Mapping[str, Any]) -> dict[str, Any]:
    authority = Pair(str(props["authority_pem"]), str(props["authority_key_pem"]))
    pair = issue(authority, str(props["unit"]), str(props["name"]), list(props["hosts"]))
    asked = {name: props[name] for name in (*_ASKED, "with_password")}
    return asked | {
        "certificate_pem": pair.certificate_pem,
        "key_pem": pair.key_pem,
        "password": "",
        "salted_user": "",
    }


def _password(props: Mapping[str, Any]) -> dict[str, Any]:
    if not props.get("with_password"):
        return {}
    drawn = secrets.token_urlsafe(_PASSWORD_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    user = salted_user(str(props["name"]), drawn, salt, ITERATIONS)
    return {"password": drawn, "salted_user": user}


def _secret(opts: pulumi.ResourceOptions | None, *outputs: str) -> pulumi.ResourceOptions:
    hidden = pulumi.ResourceOptions(additional_secret_outputs=list(outputs))
    return pulumi.ResourceOptions.merge(opts, hidden)
