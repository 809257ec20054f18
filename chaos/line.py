"""One connection to one node: encrypted and authenticated where the cluster asks for it."""

import socket
import ssl
import struct
import tempfile
import time
from dataclasses import dataclass

from blueprint.outputs import NodeOutput, SecurityOutput
from blueprint.security import Credentials
from blueprint.topology import Role
from chaos.scram import Exchange, Refused

_CLIENT = b"quorate-observer"
_SASL_HANDSHAKE, _SASL_HANDSHAKE_VERSION = 17, 1
_SASL_AUTHENTICATE, _SASL_AUTHENTICATE_VERSION = 36, 1


class Line:
    """An open connection. What goes wrong on it is an OSError, a time-out a TimeoutError."""

    def __init__(self, connection: socket.socket, client: bytes = _CLIENT) -> None:
        """Take over a connection, as the client of that id."""
        self._connection, self._client = connection, client
        self._asked = 0

    def ask(self, key: int, version: int, rest: bytes, deadline: float) -> bytes:
        """Send a request and return what follows the answer's correlation id.

        Args:
            key: The request's number in Kafka's protocol guide.
            version: Of the request.
            rest: What follows the client id in its header, and its body.
            deadline: When to give up, on the monotonic clock.
        """
        self._asked += 1
        head = struct.pack(">hhih", key, version, self._asked, len(self._client))
        head += self._client
        self._allow(deadline)
        self._connection.sendall(struct.pack(">i", len(head + rest)) + head + rest)
        length, answered = struct.unpack(">ii", self._receive(8, deadline))
        if answered != self._asked:
            raise OSError("an answer to another question came")
        return self._receive(length - 4, deadline)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _receive(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._allow(deadline)
            chunk = self._connection.recv(length - len(received))
            if not chunk:
                raise OSError("the connection was closed")
            received += chunk
        return bytes(received)

    def _allow(self, deadline: float) -> None:
        self._connection.settimeout(_left_s(deadline))


@dataclass(frozen=True, slots=True)
class Dialler:
    """How nodes of one cluster are called."""

    security: SecurityOutput | None
    own: Credentials
    tls: ssl.SSLContext | None
    client: bytes = _CLIENT

    @property
    def has_certificate(self) -> bool:
        """Whether controllers would take a call: they know no passwords."""
        return self.security is None or bool(self.own.certificate_pem)

    def dial(self, node: NodeOutput, deadline: float) -> Line:
        """Open a connection to a node that has proved who it is, and to whom the suite has.

        Raises:
            OSError: The node is not there, is not who it should be, or does not let the suite in.
        """
        connection = socket.create_connection((node.host, node.port), _left_s(deadline))
        try:
            if self.tls is not None:
                connection.settimeout(_left_s(deadline))
                connection = self.tls.wrap_socket(connection, server_hostname=node.host)
            line = Line(connection, self.client)
            by_password = self.security is not None and self.security.mechanism is not None
            if by_password and node.role is Role.BROKER:
                self._log_in(line, deadline)
        except BaseException:
            connection.close()
            raise
        return line

    def _log_in(self, line: Line, deadline: float) -> None:
        exchange = Exchange(self.own.username, self.own.password)
        assert self.security is not None
        mechanism = str(self.security.mechanism).encode()
        greeting = struct.pack(">h", len(mechanism)) + mechanism
        answer = line.ask(_SASL_HANDSHAKE, _SASL_HANDSHAKE_VERSION, greeting, deadline)
        if answer[:2] != b"\0\0":
            raise OSError(f"the node knows no {self.security.mechanism}")
        try:
            challenge = _authenticate(line, exchange.first(), deadline)
            exchange.verify(_authenticate(line, exchange.final(challenge), deadline))
        except (Refused, ValueError, struct.error) as error:
            raise OSError(str(error)) from None


def dialler(
    security: SecurityOutput | None, own: Credentials | None, client: bytes = _CLIENT
) -> Dialler:
    """How the nodes of a cluster are called by the holder of these credentials, as some client."""
    own = own or Credentials()
    if security is None:
        return Dialler(None, own, None, client)
    tls = ssl.create_default_context(cadata=security.ca_pem)
    if own.certificate_pem:
        # The standard library takes a key from a file alone; this one has mode 0600 and is gone
        # before the first call.
        with tempfile.NamedTemporaryFile("w", prefix="quorate-", suffix=".pem") as file:
            file.write(own.key_pem + "\n" + own.certificate_pem)
            file.flush()
            tls.load_cert_chain(file.name)
    return Dialler(security, own, tls, client)


def _authenticate(line: Line, message: bytes, deadline: float) -> bytes:
    body = struct.pack(">i", len(message)) + message
    answer = line.ask(_SASL_AUTHENTICATE, _SASL_AUTHENTICATE_VERSION, body, deadline)
    code, told = struct.unpack_from(">hh", answer)
    at = 4 + max(0, told)
    if code:
        raise Refused(answer[4:at].decode(errors="replace") or f"error {code}")
    (length,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + length]


def wire_text(text: str) -> bytes:
    """A text as Kafka's requests have it."""
    return struct.pack(">h", len(text.encode())) + text.encode()


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("no answer in time")
    return left_s
