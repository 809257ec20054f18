"""The probe on real sockets: a network that swallows packets is told from a closed door."""

import socket
import time
from collections.abc import Iterator

import pytest

from chaos.targets.tcp_probe import Answer, probe


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        yield listening


def test_who_listens_is_connected(listener: socket.socket) -> None:
    """Whether or not anybody reads."""
    host, port = listener.getsockname()
    assert probe(host, port, 1.0) is Answer.CONNECTED


def test_a_closed_port_and_a_name_that_is_none_are_refused(listener: socket.socket) -> None:
    """Something came back: no network swallowed it."""
    host, port = listener.getsockname()
    listener.close()
    assert probe(host, port, 1.0) is Answer.REFUSED
    assert probe("broker.invalid", port, 1.0) is Answer.REFUSED


def test_packets_that_are_dropped_are_silence(listener: socket.socket) -> None:
    """A full queue drops what asks to connect, as a network ACL does; the time-out is kept."""
    host, port = listener.getsockname()
    waiting = [socket.create_connection((host, port), 1.0)]
    began_s = time.monotonic()
    assert probe(host, port, 0.3) is Answer.SILENT
    assert 0.3 <= time.monotonic() - began_s < 2.0
    for connection in waiting:
        connection.close()
