"""The lab's own authority: what it signs is what was asked for, and TLS agrees."""

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from blueprint.access import ADMIN, SUITE, Principal
from blueprint.certificates import Pair, issue, make_authority
from blueprint.listeners import Ports
from blueprint.problem import BadInput
from blueprint.security import CLIENTS_UNIT, NODES_UNIT
from blueprint.topology import three_zones
from lab.addresses import LabAddresses
from lab.keyring import Keyring

TIMEOUT_S = 10


@pytest.fixture(scope="module")
def authority() -> Pair:
    """An authority."""
    return make_authority("quorate lab authority")


def files(folder: Path, pair: Pair, name: str) -> str:
    """A pair as the one file that TLS libraries read."""
    path = folder / name
    path.write_text(pair.key_pem + pair.certificate_pem)
    return str(path)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str:
    """Shake hands over a socket; returns the client's subject as the server saw it."""
    seen: list[str] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(TIMEOUT_S)
        try:
            with server.wrap_socket(connection, server_side=True) as encrypted:
                certificate = encrypted.getpeercert() or {}
                seen.append(str(certificate.get("subject")))
                encrypted.sendall(b".")
        except (ssl.SSLError, OSError):
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            raw = socket.create_connection(listener.getsockname(), TIMEOUT_S)
            with client.wrap_socket(raw, server_hostname=host) as encrypted:
                assert encrypted.recv(1) == b"."
        finally:
            thread.join(TIMEOUT_S)
    return seen[0]


def contexts(tmp_path: Path, authority: Pair, node: Pair) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server that asks for a certificate, and a client that has none yet."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files(tmp_path, node, "node.pem"))
    server.load_verify_locations(cadata=authority.certificate_pem)
    server.verify_mode = ssl.CERT_REQUIRED
    return server, ssl.create_default_context(cadata=authority.certificate_pem)


def test_node_and_client_know_each_other(tmp_path: Path, authority: Pair) -> None:
    """Under each name and address the node has; the client is seen with name and unit."""
    node = issue(authority, NODES_UNIT, "broker-1", ["broker-1", "127.10.1.1", "127.10.21.1"])
    client = issue(authority, CLIENTS_UNIT, "billing")
    server, own = contexts(tmp_path, authority, node)
    own.load_cert_chain(files(tmp_path, client, "client.pem"))
    for host in ("broker-1", "127.10.1.1", "127.10.21.1"):
        seen = handshake(server, own, host)
        assert CLIENTS_UNIT in seen
        assert "billing" in seen


def test_a_node_is_not_taken_for_another(tmp_path: Path, authority: Pair) -> None:
    """A host that the certificate does not carry is refused."""
    node = issue(authority, NODES_UNIT, "broker-1", ["broker-1", "127.10.1.1"])
    server, own = contexts(tmp_path, authority, node)
    for host in ("broker-2", "127.10.1.2"):
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            handshake(server, own, host)


def test_a_client_of_another_authority_is_refused(tmp_path: Path, authority: Pair) -> None:
    """The same names, signed by somebody else; and a client is no server."""
    node = issue(authority, NODES_UNIT, "broker-1", ["broker-1"])
    server, own = contexts(tmp_path, authority, node)
    stranger = issue(make_authority("quorate lab authority"), CLIENTS_UNIT, "billing")
    own.load_cert_chain(files(tmp_path, stranger, "client.pem"))
    with pytest.raises(OSError, match=r"alert|reset|closed|eof"):
        handshake(server, own, "broker-1")
    fleet = issue(authority, CLIENTS_UNIT, "billing")
    posing, own = contexts(tmp_path, authority, fleet)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(posing, own, "billing")


def test_a_subject_reads_with_its_name_first(authority: Pair) -> None:
    """As Kafka writes it, from its end; the rules for principals count on it."""
    pair = issue(authority, NODES_UNIT, "broker-1", ["broker-1"])
    subject = x509.load_pem_x509_certificate(pair.certificate_pem.encode()).subject
    assert subject.rfc4514_string() == f"CN=broker-1,OU={NODES_UNIT}"
    assert pair.key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert pair.key_pem not in repr(pair)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A lab's secrets, made."""
    addresses = LabAddresses(three_zones(), 77, Ports())
    ring = Keyring(tmp_path / "secrets")
    ring.make({node.name: addresses.names(node) for node in addresses.topology.nodes})
    return ring


def test_nobody_else_may_read_a_secret(keyring: Keyring) -> None:
    """Folders 0700, files 0600, and made so: no moment at which they were open."""
    for path in (keyring.folder, *keyring.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_node_is_known_under_every_link_that_leads_to_it(keyring: Keyring) -> None:
    """Its name, its own address, and one address for each zone that sees it through a link."""
    pem = (keyring.of_node("broker-1") / "node.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker-1"]
    addresses = set(map(str, names.get_values_for_type(x509.IPAddress)))
    assert addresses == {"127.77.1.1", "127.77.21.1", "127.77.31.1"}


def test_each_principal_has_secrets_of_its_own(keyring: Keyring) -> None:
    """The lab's two are kept; a further client's are handed over and kept nowhere."""
    admin, suite = keyring.credentials(ADMIN), keyring.credentials(SUITE)
    assert (admin.username, suite.username) == (ADMIN.name, SUITE.name)
    client = keyring.new_client(Principal("billing"))
    secrets = {one.password for one in (admin, suite, client)}
    secrets |= {one.key_pem for one in (admin, suite, client)}
    assert len(secrets) == 6
    kept = "".join(path.read_text() for path in keyring.folder.rglob("*") if path.is_file())
    assert admin.password in kept
    assert client.password not in kept
    assert client.username == "billing"


def test_a_damaged_file_is_refused(keyring: Keyring) -> None:
    """By its path, without a word of what it holds."""
    keyring.file_of(SUITE).write_text('{"password": "pass-word"')
    with pytest.raises(BadInput, match=r"quorate-chaos\.json: got something else"):
        keyring.credentials(SUITE)
