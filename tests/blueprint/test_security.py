"""How nodes and clients prove who they are, as every target renders it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.access import ADMIN, NODE
from blueprint.broker_settings import BrokerSettings, listener_names, server_properties
from blueprint.listeners import ClusterAddresses, Endpoint, NodeAddresses, Ports
from blueprint.outputs import CredentialsOutput, SecurityOutput
from blueprint.problem import BadInput
from blueprint.security import (
    CLIENTS_UNIT,
    NODES_UNIT,
    SECRETS_DIR,
    Credentials,
    Security,
    client_security,
    credentials_of,
    node_tls,
    security_output,
    security_properties,
)
from blueprint.topology import Node, Role, three_zones

TOPOLOGY = three_zones()
SECURED = [Security.SCRAM, Security.MTLS]
KEPT = CredentialsOutput(source="file", at="/kept/here.json")
BOTH = Credentials("payments", "pass-word", "CERTIFICATE", "KEY")


def render(node: Node, settings: BrokerSettings) -> dict[str, str]:
    """The properties of one node."""
    ports = Ports()
    nodes = {
        one.id: NodeAddresses(
            f"127.9.0.{one.id % 250}",
            {name: Endpoint(one.name, ports.of(name)) for name in listener_names(TOPOLOGY, one)},
        )
        for one in TOPOLOGY.nodes
    }
    quorum = tuple(Endpoint(one.name, ports.controller) for one in TOPOLOGY.controllers)
    return server_properties(
        TOPOLOGY, node, ClusterAddresses(ports, nodes, quorum), settings, "/data"
    )


def protocols(properties: dict[str, str]) -> dict[str, str]:
    """The protocol of each listener."""
    pairs = properties["listener.security.protocol.map"].split(",")
    return dict(pair.split(":") for pair in pairs)


def mapped(subject: str) -> str:
    """What Kafka makes of a certificate's subject by the rendered rules."""
    rules = security_properties(Security.MTLS, ["CONTROLLER"])["ssl.principal.mapping.rules"]
    for pattern, replacement in re.findall(r"RULE:(.*?)/(.*?)/", rules):
        found = re.match(pattern, subject)
        if found:
            return str(found.expand(replacement.replace("$1", r"\1")))
    assert rules.endswith(",DEFAULT")
    return subject


def test_without_security_nothing_of_it_is_rendered() -> None:
    """What was rendered before there was any is rendered still."""
    for node in TOPOLOGY.nodes:
        properties = render(node, BrokerSettings())
        assert set(protocols(properties).values()) == {"PLAINTEXT"}
        prefixes = ("ssl.", "sasl.", "listener.name.", "authorizer.", "super.", "allow.")
        assert not [name for name in properties if name.startswith(prefixes)]


@pytest.mark.parametrize("security", SECURED)
def test_no_listener_is_left_in_clear(security: Security) -> None:
    """Nodes prove themselves to each other by certificate in both forms; clients as asked for."""
    for node in TOPOLOGY.nodes:
        properties = render(node, BrokerSettings(security=security))
        said = protocols(properties)
        opened = [at.partition("://")[0] for at in properties["listeners"].split(",")]
        assert set(said) == {*opened, "CONTROLLER"}
        for listener, protocol in said.items():
            of_clients = listener.startswith("CLIENT_")
            by_password = of_clients and security is Security.SCRAM
            assert protocol == ("SASL_SSL" if by_password else "SSL")
            if listener not in opened:
                continue
            prefix = f"listener.name.{listener.lower()}."
            own = {k.removeprefix(prefix) for k in properties if k.startswith(prefix)}
            assert own == (
                {"sasl.enabled.mechanisms", "scram-sha-512.sasl.jaas.config"}
                if by_password
                else {"ssl.client.auth"}
            )


@pytest.mark.parametrize("security", SECURED)
def test_every_node_denies_what_no_rule_allows(security: Security) -> None:
    """Only nodes and the administrator are above the rules, whatever the cluster's size."""
    for node in TOPOLOGY.nodes:
        properties = render(node, BrokerSettings(security=security))
        assert properties["authorizer.class.name"].endswith("StandardAuthorizer")
        assert properties["allow.everyone.if.no.acl.found"] == "false"
        assert properties["super.users"] == f"{NODE};{ADMIN}"
        assert properties["ssl.endpoint.identification.algorithm"] == "https"
        assert properties["ssl.keystore.location"] == f"{SECRETS_DIR}/node.pem"
        assert properties | node_tls() == properties


@pytest.mark.parametrize("security", SECURED)
def test_security_is_not_to_be_overridden(security: Security) -> None:
    """An override that would take a lock off is refused by name."""
    weaker = {
        "allow.everyone.if.no.acl.found": "true",
        "authorizer.class.name": "",
        "listener.name.client_a.ssl.client.auth": "none",
        "sasl.enabled.mechanisms": "PLAIN",
        "ssl.endpoint.identification.algorithm": "",
        "super.users": "User:ANONYMOUS",
    }
    with pytest.raises(BadInput) as refused:
        render(TOPOLOGY.brokers[0], BrokerSettings(security=security, overrides=weaker))
    assert [p.path for p in refused.value.problems] == [f"overrides.{name}" for name in weaker]


@pytest.mark.parametrize(
    ("subject", "principal"),
    [
        (f"CN=broker-1,OU={NODES_UNIT}", NODE.name),
        (f"CN=controller-101,OU={NODES_UNIT},O=Example", NODE.name),
        (f"CN=payments,OU={CLIENTS_UNIT}", "payments"),
        (f"CN=broker-1,OU={CLIENTS_UNIT}", "broker-1"),
        # Whatever is not exactly one of the two is its whole subject: no rule is for that.
        (f"CN=payments\\,OU={NODES_UNIT},OU={CLIENTS_UNIT}", None),
        (f"CN=payments,OU={NODES_UNIT}-not", None),
        (f"OU={NODES_UNIT},CN=payments", None),
        ("CN=payments", None),
        ("CN=payments,OU=elsewhere", None),
    ],
)
def test_a_certificate_is_the_principal_it_was_made_for(
    subject: str, principal: str | None
) -> None:
    """A node is a node and a client its name, and no client's subject reads as a node's."""
    assert mapped(subject) == (principal or subject)


def test_a_client_of_each_form_gets_its_own_proof_and_no_other() -> None:
    """In librdkafka's names, with the brokers' host names verified."""
    by_password = client_security(security_output(Security.SCRAM, "CA", KEPT), BOTH)
    assert by_password == {
        "security.protocol": "SASL_SSL",
        "ssl.ca.pem": "CA",
        "ssl.endpoint.identification.algorithm": "https",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "payments",
        "sasl.password": "pass-word",
    }
    by_certificate = client_security(security_output(Security.MTLS, "CA", KEPT), BOTH)
    assert by_certificate == {
        "security.protocol": "SSL",
        "ssl.ca.pem": "CA",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.certificate.pem": "CERTIFICATE",
        "ssl.key.pem": "KEY",
    }
    assert client_security(security_output(Security.PLAINTEXT, "CA", KEPT), BOTH) == {}


@pytest.mark.parametrize(
    ("security", "own"),
    [
        (Security.SCRAM, Credentials(certificate_pem="C", key_pem="K")),
        (Security.MTLS, Credentials("payments", "pass-word")),
        (Security.SCRAM, None),
    ],
)
def test_credentials_of_another_kind_are_refused(
    security: Security, own: Credentials | None
) -> None:
    """With where they are kept and what should be there."""
    output = security_output(security, "CA", KEPT)
    assert isinstance(output, SecurityOutput)
    with pytest.raises(BadInput, match=r"file /kept/here\.json: got .* legal: "):
        client_security(output, own)


def test_credentials_are_read_as_they_were_written() -> None:
    """And none of them is shown by whoever prints the whole."""
    assert credentials_of(BOTH.to_json(), "kept") == BOTH
    only = Credentials("payments", "pass-word")
    assert json.loads(only.to_json()) == {"username": "payments", "password": "pass-word"}
    for secret in ("pass-word", "CERTIFICATE", "KEY"):
        assert secret not in repr(BOTH)


@given(st.text() | st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_what_is_no_credentials_is_refused_unsaid(text: str) -> None:
    """The message is always the same: what was there may have been a password."""
    with pytest.raises(BadInput) as refused:
        credentials_of(text, "kept")
    legal = "JSON with username and password, or certificate_pem and key_pem, as text"
    assert str(refused.value) == f"kept: got something else; legal: {legal}"


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "payments"},
        {"password": "pass-word"},
        {"username": "payments", "password": 7},
        {"certificate_pem": "C"},
        {"username": "payments", "password": "pass-word", "key_pem": "K"},
    ],
)
def test_half_a_proof_is_refused(fields: dict[str, object]) -> None:
    """A name without a password, a certificate without its key."""
    with pytest.raises(BadInput, match="kept"):
        credentials_of(json.dumps(fields), "kept")


def test_every_role_has_a_listener_to_secure() -> None:
    """Brokers open one listener for each zone's clients and one for each other."""
    opened = {node.role: listener_names(TOPOLOGY, node) for node in TOPOLOGY.nodes}
    assert len(opened[Role.BROKER]) == 1 + len(TOPOLOGY.zones)
    assert opened[Role.CONTROLLER] == ("CONTROLLER",)
