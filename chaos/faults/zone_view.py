"""What the rest of the world sees of a zone: who answers, and whom the brokers take for alive."""

import socket
import time
from collections.abc import Iterable
from contextlib import suppress

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.topology import Role
from chaos.wire import NoAnswer, metadata

ASK_TIMEOUT_S = 1.0
_POLL_S = 0.05


def refusing(nodes: Iterable[NodeOutput]) -> int:
    """How many nodes no longer take a connection."""
    return sum(not _listens(node) for node in nodes)


def await_fenced(outputs: StackOutputs, zone: str, topic: str, timeout_s: float) -> int:
    """Wait until no surviving broker lists one of the zone; returns how many all leave out."""
    gone = {n.id for n in outputs.nodes if n.zone == zone and n.role is Role.BROKER}
    others = [n for n in outputs.nodes if n.zone != zone and n.role is Role.BROKER]
    deadline = time.monotonic() + timeout_s
    while True:
        left_out = gone - _listed(others, topic, gone)
        if left_out == gone or time.monotonic() > deadline:
            return len(left_out)
        time.sleep(_POLL_S)


def _listed(observers: Iterable[NodeOutput], topic: str, if_unknown: set[int]) -> set[int]:
    listed: set[int] = set()
    for node in observers:
        try:
            listed |= metadata(node.host, node.port, topic, ASK_TIMEOUT_S).brokers
        except NoAnswer:
            listed |= if_unknown
    return listed


def _listens(node: NodeOutput) -> bool:
    with suppress(OSError), socket.create_connection((node.host, node.port), ASK_TIMEOUT_S):
        return True
    return False
