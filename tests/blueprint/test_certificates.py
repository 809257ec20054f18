"""The authority of a stack and what it signs."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.verification import PolicyBuilder, Store

from blueprint.certificates import (
    RENEWED_BEFORE,
    VALID_FOR,
    Pair,
    issue,
    make_authority,
    renewal_due,
)

HOST = "broker-1.test.quorate.internal"


def test_a_node_serves_under_its_names_and_no_other() -> None:
    """A verifier that follows the web's rules accepts it for these names alone."""
    authority = make_authority("quorate test")
    node = _read(issue(authority, "quorate-nodes", "broker-1", [HOST, "10.0.0.8"]))
    builder = PolicyBuilder().store(Store([_read(authority)])).time(datetime.now(UTC))
    builder.build_server_verifier(x509.DNSName(HOST)).verify(node, [])
    with pytest.raises(x509.verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("broker-2.test")).verify(node, [])


def test_a_client_signs_nothing_and_serves_nothing() -> None:
    """Its subject begins with its name, and another authority has not signed it."""
    authority = make_authority("quorate test")
    client = _read(issue(authority, "quorate-clients", "billing"))
    assert client.subject.rfc4514_string() == "CN=billing,OU=quorate-clients"
    assert not client.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        client.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    client.verify_directly_issued_by(_read(authority))
    with pytest.raises(InvalidSignature):
        client.verify_directly_issued_by(_read(make_authority("quorate test")))


def test_a_certificate_is_renewed_well_before_its_end() -> None:
    """Not earlier than a quarter before, and what has ended is due as well."""
    authority = make_authority("quorate test")
    text = issue(authority, "quorate-clients", "billing").certificate_pem
    now = datetime.now(UTC)
    assert not renewal_due(text, now)
    assert not renewal_due(text, now + VALID_FOR - RENEWED_BEFORE - timedelta(hours=2))
    assert renewal_due(text, now + VALID_FOR - RENEWED_BEFORE + timedelta(hours=2))
    assert renewal_due(text, now + 2 * VALID_FOR)


def test_a_key_is_not_shown() -> None:
    """Not even where a pair is printed."""
    pair = make_authority("quorate test")
    assert "PRIVATE" in pair.key_pem
    assert "PRIVATE" not in repr(pair)


def _read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate_pem.encode())
