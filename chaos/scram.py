"""The client's side of SCRAM-SHA-512 (RFC 5802), as messages in and out."""

import base64
import hashlib
import hmac
import secrets

MECHANISM = "SCRAM-SHA-512"
_HASH = "sha512"
#: No channel binding is offered; this is ``n,,`` in base 64.
_HEADER, _BINDING = "n,,", "c=biws"
#: What Kafka takes at least. A server that asks for fewer may be collecting cheap proofs.
LEAST_ITERATIONS = 4096


class Refused(Exception):
    """The other side did not prove that it knows the password, or speaks something else."""


class Exchange:
    """One authentication: ``first``, then ``final`` of its answer, then ``verify`` of the last."""

    def __init__(self, username: str, password: str, nonce: str = "") -> None:
        """Prepare; a nonce of one's own is for tests alone."""
        self._password = password.encode()
        self._nonce = nonce or secrets.token_urlsafe(24)
        escaped = username.replace("=", "=3D").replace(",", "=2C")
        self._first_bare = f"n={escaped},r={self._nonce}"
        self._expected = b""

    def first(self) -> bytes:
        """The first message."""
        return (_HEADER + self._first_bare).encode()

    def final(self, challenge: bytes) -> bytes:
        """The second message, which proves the password without telling it.

        Raises:
            Refused: The challenge is not one for this exchange.
        """
        fields = _fields(challenge)
        nonce, salt = fields.get("r", ""), fields.get("s", "")
        iterations = int(fields["i"]) if fields.get("i", "").isdigit() else 0
        if not nonce.startswith(self._nonce) or iterations < LEAST_ITERATIONS:
            raise Refused("the server's challenge cannot be used")
        salted = hashlib.pbkdf2_hmac(_HASH, self._password, base64.b64decode(salt), iterations)
        without_proof = f"{_BINDING},r={nonce}"
        message = ",".join((self._first_bare, challenge.decode(), without_proof)).encode()
        key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.new(_HASH, key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._expected = _mac(_mac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, outcome: bytes) -> None:
        """Take the server's own proof.

        Raises:
            Refused: It gave none, or a wrong one.
        """
        proof = base64.b64decode(_fields(outcome).get("v", ""))
        if not self._expected or not hmac.compare_digest(proof, self._expected):
            raise Refused("the server did not prove that it knows the password")


def _fields(message: bytes) -> dict[str, str]:
    pieces = message.decode(errors="replace").split(",")
    return dict(piece.split("=", 1) for piece in pieces if "=" in piece)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, _HASH)
