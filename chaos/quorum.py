"""Who leads the metadata quorum, asked of the controllers themselves."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.topology import Role
from chaos.wire import NoAnswer, Quorum, describe_quorum

ASK_TIMEOUT_S = 0.5
_POLL_S = 0.05


def controllers(outputs: StackOutputs) -> tuple[NodeOutput, ...]:
    """The controllers of a cluster."""
    return tuple(node for node in outputs.nodes if node.role is Role.CONTROLLER)


def active_controller(
    nodes: Iterable[NodeOutput], timeout_s: float = ASK_TIMEOUT_S
) -> Quorum | None:
    """The leader of the newest epoch that any controller claims, or None while there is none.

    A leader that was cut off believes in itself for a while; its epoch is the older one.
    """
    asked = list(nodes)
    with ThreadPoolExecutor(len(asked)) as pool:
        claims = [claim for claim in pool.map(lambda n: _claim(n, timeout_s), asked) if claim]
    return max(claims, key=lambda claim: claim.epoch, default=None)


def await_active_controller(nodes: Iterable[NodeOutput], timeout_s: float = 15.0) -> Quorum:
    """Wait until a controller leads.

    Raises:
        NoAnswer: None did within ``timeout_s``.
    """
    asked, deadline = list(nodes), time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = active_controller(asked)
        if found is not None:
            return found
        time.sleep(_POLL_S)
    raise NoAnswer(f"no controller led the quorum within {timeout_s:g} s")


def _claim(node: NodeOutput, timeout_s: float) -> Quorum | None:
    try:
        return describe_quorum(node.host, node.port, timeout_s)
    except NoAnswer:
        return None
