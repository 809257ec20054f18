"""A certificate authority and what it signs, as text. No file is read or written.

Keys are on the P-256 curve: an RSA signature would cost a broker several times as much at each of
the many handshakes after a zone is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: What signs has to outlive what it signed many times over: to replace it touches every client.
AUTHORITY_VALID_FOR = timedelta(days=3650)
VALID_FOR = timedelta(days=365)
#: Earlier than this before its end nothing is signed anew; later, at the next occasion.
RENEWED_BEFORE = timedelta(days=90)
#: A clock that was set back a little since is no reason to be refused.
_BACKDATED = timedelta(hours=1)
#: X.509's upper bound of a common name, in characters.
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key (PKCS 8, not encrypted)."""

    certificate_pem: str
    key_pem: str = field(repr=False)


def make_authority(name: str) -> Pair:
    """A new authority, which may sign nodes and clients but no further authority.

    Args:
        name: Its common name; cut to what a certificate can carry.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_NAME])])
    limits = x509.BasicConstraints(ca=True, path_length=0)
    built = (
        _builder(subject, subject, key, AUTHORITY_VALID_FOR)
        .add_extension(limits, critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return _pair(built.sign(key, hashes.SHA256()), key)


def issue(authority: Pair, unit: str, name: str, hosts: Iterable[str] = ()) -> Pair:
    """Sign a new key.

    Args:
        authority: Who signs.
        unit: The organizational unit of the subject: what the certificate is for.
        name: The common name of the subject: who holds it.
        hosts: Names and addresses under which it serves; a client has none.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(authority.key_pem.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    # Kafka reads a subject from its end: the common name has to be the last to come first.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    served = [_served(host) for host in dict.fromkeys(hosts)]
    # Nodes call each other: each is a client besides.
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    purposes += [ExtendedKeyUsageOID.SERVER_AUTH] if served else []
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    built = (
        _builder(subject, issuer.subject, key, VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(authority_key, critical=False)
    )
    if served:
        built = built.add_extension(x509.SubjectAlternativeName(served), critical=False)
    return _pair(built.sign(signer, hashes.SHA256()), key)


def renewal_due(certificate_pem: str, now: datetime) -> bool:
    """Whether a certificate ends so soon that it is to be signed anew at the next occasion."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return now >= certificate.not_valid_after_utc - RENEWED_BEFORE


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid_for: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _served(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(serialization.Encoding.PEM, form, plain).decode(),
    )
