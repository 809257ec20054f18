"""What the controllers say of themselves: who leads, and who has everything that is committed."""

import socket
import ssl
import struct
import warnings
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from blueprint.listeners import Endpoint

with warnings.catch_warnings():
    # The library reads its schemas by a function that Python 3.11 calls out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.protocol.admin import (  # type: ignore[import-untyped]  # it has no types
        DescribeQuorumRequest,
        DescribeQuorumResponse,
    )

ASK_TIMEOUT_S = 2.0
#: The first version of the request: it says what is needed here and no more.
_VERSION = 0
_METADATA_LOG = "__cluster_metadata"
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Quorum:
    """The metadata quorum as its leader sees it.

    Attributes:
        epoch: Of the leader; who claims an older one was cut off and does not know it yet.
        behind: For each voter's node id how many committed records it lacks.
    """

    leader: int
    epoch: int
    behind: dict[int, int]


def ask_leader(controllers: Iterable[Endpoint], tls: ssl.SSLContext | None = None) -> Quorum | None:
    """Ask each controller; what the newest leader says, or None while there is none.

    Args:
        controllers: Where they listen.
        tls: How to prove that the asker is a node; nothing without security.
    """
    claims = [claim for at in controllers if (claim := _ask(at, tls)) is not None]
    return max(claims, key=lambda claim: claim.epoch, default=None)


def _ask(at: Endpoint, tls: ssl.SSLContext | None) -> Quorum | None:
    topic = DescribeQuorumRequest.TopicData
    asked = topic(topic_name=_METADATA_LOG, partitions=[topic.PartitionData(partition_index=0)])
    request = DescribeQuorumRequest(topics=[asked], version=_VERSION)
    request.with_header(correlation_id=1, client_id="quorate-lab")
    with suppress(OSError, struct.error, ValueError, IndexError):
        answer = _exchange(at, request.encode(header=True), tls)
        return _read(DescribeQuorumResponse.decode(answer, version=_VERSION, header=True))
    return None


def _read(answer: Any) -> Quorum | None:  # noqa: ANN401
    """The leader's answer; who is none says so with an error and is not asked for more."""
    partitions = [partition for topic in answer.topics for partition in topic.partitions]
    if answer.error_code or not partitions or partitions[0].error_code:
        return None
    said = partitions[0]
    behind = {
        int(voter.replica_id): max(0, int(said.high_watermark) - int(voter.log_end_offset))
        for voter in said.current_voters
    }
    return Quorum(int(said.leader_id), int(said.leader_epoch), behind)


def _exchange(at: Endpoint, request: bytes, tls: ssl.SSLContext | None) -> bytes:
    with ExitStack() as open_until:
        plain = socket.create_connection((at.host, at.port), timeout=ASK_TIMEOUT_S)
        connection = open_until.enter_context(plain)
        if tls is not None:
            secured = tls.wrap_socket(connection, server_hostname=at.host)
            connection = open_until.enter_context(secured)
        connection.sendall(_LENGTH.pack(len(request)) + request)
        (length,) = _LENGTH.unpack(_received(connection, _LENGTH.size))
        return _received(connection, length)


def _received(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        chunk = connection.recv(length - len(received))
        if not chunk:
            raise OSError("the connection was closed")
        received += chunk
    return bytes(received)
