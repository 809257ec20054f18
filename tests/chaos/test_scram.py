"""The client's side of SCRAM against a server's side written from the same RFC."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.scram import LEAST_ITERATIONS, Exchange, Refused

SALT = b"salt of the server"


class Server:
    """What a server does that knows a password."""

    def __init__(self, password: str, iterations: int = LEAST_ITERATIONS) -> None:
        """Know a password."""
        self.iterations = iterations
        self.salted = hashlib.pbkdf2_hmac("sha512", password.encode(), SALT, iterations)
        self.first = self.challenge = ""

    def challenge_to(self, first: bytes) -> bytes:
        """Answer the client's first message."""
        self.first = first.decode().removeprefix("n,,")
        nonce = self.first.partition("r=")[2] + "-and-ours"
        salt = base64.b64encode(SALT).decode()
        self.challenge = f"r={nonce},s={salt},i={self.iterations}"
        return self.challenge.encode()

    def outcome_of(self, final: bytes) -> bytes:
        """Check the client's proof; give the server's."""
        without_proof, _, proof = final.decode().rpartition(",p=")
        message = ",".join((self.first, self.challenge, without_proof)).encode()
        client_key = hmac.digest(self.salted, b"Client Key", "sha512")
        signature = hmac.digest(hashlib.sha512(client_key).digest(), message, "sha512")
        expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if base64.b64decode(proof) != expected:
            return b"e=invalid-proof"
        server_key = hmac.digest(self.salted, b"Server Key", "sha512")
        return b"v=" + base64.b64encode(hmac.digest(server_key, message, "sha512"))


@given(
    user=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    password=st.text(min_size=1, max_size=40),
)
def test_both_sides_prove_the_same_password(user: str, password: str) -> None:
    """Without it ever being said; a comma or an equals sign in a name ends nothing."""
    exchange, server = Exchange(user, password), Server(password)
    first = exchange.first()
    assert first.startswith(b"n,,n=")
    assert first.count(b",") == 3
    final = exchange.final(server.challenge_to(first))
    exchange.verify(server.outcome_of(final))


def test_a_wrong_password_ends_in_a_refusal() -> None:
    """The server finds no proof, and what it says then is no proof either."""
    exchange, server = Exchange("billing", "wrong"), Server("right")
    outcome = server.outcome_of(exchange.final(server.challenge_to(exchange.first())))
    assert outcome.startswith(b"e=")
    with pytest.raises(Refused):
        exchange.verify(outcome)


def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    """It can make a challenge and never the last message."""
    exchange, posing = Exchange("billing", "right"), Server("guessed")
    exchange.final(posing.challenge_to(exchange.first()))
    for outcome in (b"", b"v=", b"v=" + base64.b64encode(b"0" * 64)):
        with pytest.raises(Refused):
            exchange.verify(outcome)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"r=not-ours,s=c2FsdA==,i=4096",
        b"r=nonce-and-ours,s=c2FsdA==,i=1",
        b"r=nonce-and-ours,s=c2FsdA==,i=many",
        b"r=nonce-and-ours,s=c2FsdA==",
    ],
)
def test_a_challenge_that_is_not_for_this_exchange_is_refused(challenge: bytes) -> None:
    """Another's nonce; or so few iterations that the proof would give the password away."""
    exchange = Exchange("billing", "right", nonce="nonce")
    exchange.first()
    with pytest.raises(Refused):
        exchange.final(challenge)


def test_no_server_is_believed_before_its_challenge() -> None:
    """An outcome that comes first proves nothing."""
    with pytest.raises(Refused):
        Exchange("billing", "right").verify(b"v=")
