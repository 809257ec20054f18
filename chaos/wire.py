"""Two read-only Kafka requests asked of one node at a time, over a connection of their own.

A client library answers from its cache and from whichever broker it likes. An observer needs what
one named node believes now: a controller whether it leads the quorum, a broker what it takes the
cluster to be. Layouts: Kafka's protocol guide, Metadata v7 and DescribeQuorum v0.
"""

import socket
import struct
from dataclasses import dataclass

_METADATA, _METADATA_VERSION = 3, 7
_DESCRIBE_QUORUM = 55
_CLIENT = b"quorate-observer"


class NoAnswer(Exception):
    """The node did not answer in time, or not in a way that can be read."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """What a quorum leader says of itself."""

    leader: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition as one broker sees it; ``leader`` is -1 when it has none."""

    partition: int
    leader: int
    epoch: int
    isr: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The cluster as one broker sees it: unfenced brokers and one topic's partitions."""

    brokers: frozenset[int]
    partitions: tuple[PartitionState, ...]


def describe_quorum(host: str, port: int, timeout_s: float) -> Quorum | None:
    """Ask one controller who leads; None when it is not the leader itself.

    Raises:
        NoAnswer: It did not answer within ``timeout_s``.
    """
    topic = b"__cluster_metadata"
    body = bytes([2, len(topic) + 1]) + topic + bytes([2]) + struct.pack(">i", 0) + bytes(3)
    # A flexible request: header version 2 ends in its own (empty) tagged fields.
    answer = _ask(host, port, _DESCRIBE_QUORUM, 0, b"\0" + body, timeout_s)
    try:
        reader = _Reader(answer)
        reader.skip(1)
        if reader.int16() != 0 or reader.uvarint() < 2:
            return None
        reader.skip(reader.uvarint() - 1)
        if reader.uvarint() < 2:
            return None
        reader.skip(4)
        refused, leader, epoch = reader.int16(), reader.int32(), reader.int32()
    except (struct.error, IndexError):
        raise NoAnswer(f"{host}:{port} answered what cannot be read") from None
    return None if refused else Quorum(leader, epoch)


def metadata(host: str, port: int, topic: str, timeout_s: float) -> Metadata:
    """Ask one broker for its view of the cluster and of one topic.

    Raises:
        NoAnswer: It did not answer within ``timeout_s``.
    """
    name = topic.encode()
    body = struct.pack(">ih", 1, len(name)) + name + b"\0"
    answer = _ask(host, port, _METADATA, _METADATA_VERSION, body, timeout_s)
    try:
        return _metadata(_Reader(answer))
    except (struct.error, IndexError):
        raise NoAnswer(f"{host}:{port} answered what cannot be read") from None


def _metadata(reader: "_Reader") -> Metadata:
    reader.skip(4)
    brokers = []
    for _ in range(reader.int32()):
        brokers.append(reader.int32())
        reader.string()
        reader.skip(4)
        reader.string()
    reader.string()
    reader.skip(4)
    partitions = []
    for _ in range(reader.int32()):
        reader.skip(2)
        reader.string()
        reader.skip(1)
        for _ in range(reader.int32()):
            reader.skip(2)
            index, leader, epoch = reader.int32(), reader.int32(), reader.int32()
            reader.int32s()
            isr = reader.int32s()
            reader.int32s()
            partitions.append(PartitionState(index, leader, epoch, isr))
    return Metadata(frozenset(brokers), tuple(sorted(partitions, key=lambda p: p.partition)))


def _ask(host: str, port: int, key: int, version: int, rest: bytes, timeout_s: float) -> bytes:
    header = struct.pack(">hhih", key, version, 1, len(_CLIENT)) + _CLIENT
    request = header + rest
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", _receive(connection, 4))
            return _receive(connection, length)[4:]
    except OSError as error:
        raise NoAnswer(f"{host}:{port}: {error}") from None


def _receive(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        chunk = connection.recv(length - len(received))
        if not chunk:
            raise OSError("the connection was closed")
        received += chunk
    return bytes(received)


class _Reader:
    """Reads Kafka's primitive types from the front of an answer."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def skip(self, length: int) -> None:
        self._at += length

    def int16(self) -> int:
        return self._number(">h", 2)

    def int32(self) -> int:
        return self._number(">i", 4)

    def int32s(self) -> tuple[int, ...]:
        return tuple(self.int32() for _ in range(self.int32()))

    def string(self) -> None:
        """Skip a string; a length of -1 means none."""
        self.skip(max(0, self.int16()))

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def _number(self, form: str, length: int) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += length
        return int(value)
