"""How nodes and clients prove to each other who they are: one renderer for every target.

In both secured forms the nodes speak mutual TLS among themselves: SCRAM keeps its users in the
metadata log, so it can neither start a quorum nor let a broker in before it has read that log.
Clients prove themselves by a password (SCRAM-SHA-512 inside TLS) or by a certificate.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from blueprint.access import ADMIN, NODE
from blueprint.client_settings import Setting
from blueprint.listeners import CLIENT_PREFIX
from blueprint.outputs import CredentialsOutput, SecurityOutput
from blueprint.problem import BadInput, Problem

MECHANISM = "SCRAM-SHA-512"
#: Where a node finds its two files unless a target says otherwise.
SECRETS_DIR = "/etc/kafka/secrets"
#: A node's private key (PKCS 8, not encrypted) and certificate, in this order; mode 0600.
KEYSTORE_FILE = "node.pem"
#: The certificate that signed every node's and client's.
TRUSTSTORE_FILE = "ca.pem"
#: The organizational unit (OU) of a subject says what its certificate is for; its common name (CN)
#: who holds it. The authority signs no client into the nodes' unit.
NODES_UNIT, CLIENTS_UNIT = "quorate-nodes", "quorate-clients"

#: Every node is one principal, so that a new one changes no other's settings; a client is its CN.
#: Kafka writes a subject with the CN first; what has no rule is its whole subject, with no right.
_PRINCIPAL_RULES = (
    f"RULE:^CN=[A-Za-z0-9.-]+,OU={NODES_UNIT}(,.*)?$/{NODE.name}/,"
    f"RULE:^CN=([A-Za-z0-9.-]+),OU={CLIENTS_UNIT}(,.*)?$/$1/,"
    "DEFAULT"
)


class Security(StrEnum):
    """How clients are identified."""

    PLAINTEXT = "plaintext"
    SCRAM = "scram"
    MTLS = "mtls"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one principal proves itself with: a password, a certificate, or both.

    With SCRAM the chaos suite has both: it asks controllers, who know no passwords.

    Attributes:
        username: The principal's name.
        certificate_pem: With every certificate between it and the authority's.
        key_pem: PKCS 8, not encrypted.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)

    def to_json(self) -> str:
        """As kept in a file or a secret store."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, indent=1)


def credentials_of(text: str, source: str) -> Credentials:
    """Read credentials from JSON.

    Raises:
        BadInput: It is not what ``Credentials`` writes. What it is instead is never said: a
            password one comma away from being JSON is a password still.
    """
    legal = "JSON with username and password, or certificate_pem and key_pem, as text"
    refused = BadInput([Problem(source, "something else", legal)])
    try:
        said = json.loads(text)
    except ValueError:
        raise refused from None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise refused
    known = {name: value for name, value in said.items() if name in Credentials.__slots__}
    found = Credentials(**known)
    if bool(found.username) != bool(found.password) and not found.certificate_pem:
        raise refused
    if bool(found.certificate_pem) != bool(found.key_pem):
        raise refused
    if not found.password and not found.key_pem:
        raise refused
    return found


def listener_protocols(security: Security, listeners: Iterable[str]) -> dict[str, str]:
    """Kafka's security protocol of each listener."""
    return {name: _protocol(security, name) for name in listeners}


def security_properties(
    security: Security, listeners: Iterable[str], secrets_dir: str = SECRETS_DIR
) -> dict[str, str]:
    """The security settings of one broker or controller, by Kafka's own names; no secret in them.

    Args:
        security: How clients are identified; nothing is rendered for ``PLAINTEXT``.
        listeners: The names of the listeners that the node opens itself.
        secrets_dir: The folder of ``KEYSTORE_FILE`` and ``TRUSTSTORE_FILE`` on the node.
    """
    if security is Security.PLAINTEXT:
        return {}
    properties = node_tls(secrets_dir) | {
        "ssl.principal.mapping.rules": _PRINCIPAL_RULES,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"{NODE};{ADMIN}",
    }
    for listener, protocol in listener_protocols(security, listeners).items():
        prefix = f"listener.name.{listener.lower()}"
        if protocol == "SSL":
            properties[f"{prefix}.ssl.client.auth"] = "required"
        else:
            jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            properties[f"{prefix}.sasl.enabled.mechanisms"] = MECHANISM
            properties[f"{prefix}.{MECHANISM.lower()}.sasl.jaas.config"] = jaas
    return properties


def node_tls(secrets_dir: str = SECRETS_DIR) -> dict[str, str]:
    """A node's own certificate and whom it trusts, by Kafka's own names.

    With ``security.protocol=SSL`` added it is what Kafka's command-line tools need on a node: over
    the replication listener they act as the node, which may do anything.
    """
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{secrets_dir}/{KEYSTORE_FILE}",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{secrets_dir}/{TRUSTSTORE_FILE}",
        # Whom a node calls must be whom it meant: the certificate has to carry the name called.
        "ssl.endpoint.identification.algorithm": "https",
    }


def client_security(output: SecurityOutput | None, own: Credentials | None) -> dict[str, Setting]:
    """What a client adds to its settings, in librdkafka's names; nothing without security.

    The brokers' host names are verified. The password or key is among the values: they go to a
    process over its standard input or by a secret, never on a command line.

    Raises:
        BadInput: The credentials are not of the kind that the cluster asks for, or nobody has read
            the authority's certificate yet.
    """
    if output is None:
        return {}
    if not output.ca_pem:
        remedy = f"read ca.crt of the secret {output.ca_secret}"
        raise BadInput([Problem("security.ca_pem", "nothing", "the authority's PEM", remedy)])
    own = own or Credentials()
    settings: dict[str, Setting] = {
        "security.protocol": output.protocol,
        "ssl.ca.pem": output.ca_pem,
        "ssl.endpoint.identification.algorithm": "https",
    }
    if output.mechanism is not None:
        given, needed = own.password, "username and password"
        proof: dict[str, Setting] = {
            "sasl.mechanism": output.mechanism,
            "sasl.username": own.username,
            "sasl.password": own.password,
        }
    else:
        given, needed = own.key_pem, "certificate_pem and key_pem"
        proof = {"ssl.certificate.pem": own.certificate_pem, "ssl.key.pem": own.key_pem}
    if not given:
        at = f"{output.credentials.source} {output.credentials.at}"
        raise BadInput([Problem(at, "credentials of another kind", needed)])
    return settings | proof


def security_output(
    security: Security, ca_pem: str, credentials: CredentialsOutput
) -> SecurityOutput | None:
    """What StackOutputs say of it."""
    if security is Security.PLAINTEXT:
        return None
    if security is Security.MTLS:
        return SecurityOutput(protocol="SSL", ca_pem=ca_pem, credentials=credentials)
    return SecurityOutput(
        protocol="SASL_SSL", mechanism=MECHANISM, ca_pem=ca_pem, credentials=credentials
    )


def _protocol(security: Security, listener: str) -> str:
    if security is Security.PLAINTEXT:
        return "PLAINTEXT"
    by_password = security is Security.SCRAM and listener.startswith(CLIENT_PREFIX)
    return "SASL_SSL" if by_password else "SSL"
