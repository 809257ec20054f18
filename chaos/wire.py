"""A few Kafka requests asked of one node at a time, over connections of their own.

A client library answers from its cache and from whichever broker it likes. An observer needs what
one named node believes now: a controller whether it leads the quorum, a broker what it takes the
cluster to be. And a client's quota is not to be had of the client library at all. Layouts: Kafka's
protocol guide, Metadata v7, DescribeQuorum v0 and AlterClientQuotas v0.
"""

import struct
import threading
import time
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from blueprint.outputs import NodeOutput, StackOutputs
from chaos.identity import suite_credentials
from chaos.line import Line, dialler, wire_text

_METADATA, _METADATA_VERSION = 3, 7
_DESCRIBE_QUORUM = 55
_ALTER_CLIENT_QUOTAS = 49


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
    replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The cluster as one broker sees it: unfenced brokers and one topic's partitions."""

    brokers: frozenset[int]
    partitions: tuple[PartitionState, ...]


class Wire:
    """Asks the nodes of one cluster; a connection is kept for the next question to its node.

    With security a new connection costs both ends milliseconds of arithmetic, which a cluster that
    is recovering has no use for. May be used from several threads at once.
    """

    def __init__(self, outputs: StackOutputs) -> None:
        """Prepare; nothing is connected yet.

        Raises:
            BadInput: The suite's credentials cannot be had.
        """
        self.outputs = outputs
        self._dialler = dialler(outputs.security, suite_credentials(outputs))
        self._kept: dict[tuple[str, int], list[Line]] = {}
        self._lock = threading.Lock()
        self._finish = weakref.finalize(self, _hang_up, self._kept)

    def __enter__(self) -> Self:
        """The same."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up everywhere."""
        self._finish()

    @property
    def controllers_listen(self) -> bool:
        """Whether controllers take a call of the suite."""
        return self._dialler.has_certificate

    def describe_quorum(self, node: NodeOutput, timeout_s: float) -> Quorum | None:
        """Ask one node who leads the quorum.

        A controller answers for itself: None when it is not the leader. A broker passes the
        question on to whom it takes for the leader.

        Raises:
            NoAnswer: It did not answer within ``timeout_s``.
        """
        topic = b"__cluster_metadata"
        body = bytes([2, len(topic) + 1]) + topic + bytes([2]) + struct.pack(">i", 0) + bytes(3)
        # A flexible request: header version 2 ends in its own (empty) tagged fields.
        answer = self._ask(node, _DESCRIBE_QUORUM, 0, b"\0" + body, timeout_s)
        try:
            return _quorum(_Reader(answer))
        except (struct.error, IndexError):
            raise NoAnswer(f"{node.name} answered what cannot be read") from None

    def metadata(self, node: NodeOutput, topic: str, timeout_s: float) -> Metadata:
        """Ask one broker for its view of the cluster and of one topic.

        Raises:
            NoAnswer: It did not answer within ``timeout_s``.
        """
        body = struct.pack(">i", 1) + wire_text(topic) + b"\0"
        answer = self._ask(node, _METADATA, _METADATA_VERSION, body, timeout_s)
        try:
            return _metadata(_Reader(answer))
        except (struct.error, IndexError):
            raise NoAnswer(f"{node.name} answered what cannot be read") from None

    def set_fetch_quota(
        self, node: NodeOutput, client_id: str, bytes_per_s: int | None, timeout_s: float
    ) -> None:
        """Have one broker bound what a client id may fetch of each broker; None lifts the bound.

        Raises:
            NoAnswer: It did not answer within ``timeout_s``, or refused.
        """
        entity = struct.pack(">i", 1) + wire_text("client-id") + wire_text(client_id)
        lifted = bytes_per_s is None
        value = struct.pack(">d?", float(bytes_per_s or 0), lifted)
        change = struct.pack(">i", 1) + wire_text("consumer_byte_rate") + value
        body = struct.pack(">i", 1) + entity + change + b"\0"
        answer = self._ask(node, _ALTER_CLIENT_QUOTAS, 0, body, timeout_s)
        try:
            reader = _Reader(answer)
            reader.skip(8)
            refused = reader.int16()
        except (struct.error, IndexError):
            raise NoAnswer(f"{node.name} answered what cannot be read") from None
        if refused:
            raise NoAnswer(f"{node.name} refused the quota of {client_id}: error {refused}")

    def _ask(
        self, node: NodeOutput, key: int, version: int, rest: bytes, timeout_s: float
    ) -> bytes:
        deadline = time.monotonic() + timeout_s
        kept = self._take(node)
        try:
            if kept is not None:
                try:
                    return self._ask_over(kept, node, key, version, rest, deadline)
                except TimeoutError:
                    raise
                except OSError:
                    # The node has ended since; another may be in its place.
                    pass
            line = self._dialler.dial(node, deadline)
            return self._ask_over(line, node, key, version, rest, deadline)
        except OSError as error:
            raise NoAnswer(f"{node.name} at {node.host}:{node.port}: {error}") from None

    def _ask_over(
        self, line: Line, node: NodeOutput, key: int, version: int, rest: bytes, deadline: float
    ) -> bytes:
        """Ask; what answered is kept, what did not might answer later and is hung up."""
        try:
            answer = line.ask(key, version, rest, deadline)
        except BaseException:
            line.close()
            raise
        with self._lock:
            self._kept.setdefault((node.host, node.port), []).append(line)
        return answer

    def _take(self, node: NodeOutput) -> Line | None:
        with self._lock:
            kept = self._kept.get((node.host, node.port))
            return kept.pop() if kept else None


def _hang_up(kept: dict[tuple[str, int], list[Line]]) -> None:
    for lines in kept.values():
        for line in lines:
            line.close()
    kept.clear()


def _quorum(reader: "_Reader") -> Quorum | None:
    reader.skip(1)
    if reader.int16() != 0 or reader.uvarint() < 2:
        return None
    reader.skip(reader.uvarint() - 1)
    if reader.uvarint() < 2:
        return None
    reader.skip(4)
    refused, leader, epoch = reader.int16(), reader.int32(), reader.int32()
    return None if refused else Quorum(leader, epoch)


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
            replicas = reader.int32s()
            isr = reader.int32s()
            reader.int32s()
            partitions.append(PartitionState(index, leader, epoch, isr, replicas))
    return Metadata(frozenset(brokers), tuple(sorted(partitions, key=lambda p: p.partition)))


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
