"""Who leads the metadata quorum, asked of the controllers themselves."""

import time
from concurrent.futures import ThreadPoolExecutor

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.topology import Role
from chaos.wire import NoAnswer, Quorum, Wire

ASK_TIMEOUT_S = 0.5
_POLL_S = 0.05


def active_controller(wire: Wire, timeout_s: float = ASK_TIMEOUT_S) -> Quorum | None:
    """The leader of the newest epoch that any controller claims, or None while there is none.

    A leader that was cut off believes in itself for a while; its epoch is the older one. Where
    controllers take no call of the suite, each broker is asked for the leader that it follows.
    """
    asks = Role.CONTROLLER if wire.controllers_listen else Role.BROKER
    asked = [node for node in wire.outputs.nodes if node.role is asks]
    with ThreadPoolExecutor(len(asked)) as pool:
        claims = [claim for claim in pool.map(lambda n: _claim(wire, n, timeout_s), asked) if claim]
    return max(claims, key=lambda claim: claim.epoch, default=None)


def await_active_controller(outputs: StackOutputs, timeout_s: float = 15.0) -> Quorum:
    """Wait until a controller leads.

    Raises:
        NoAnswer: None did within ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    with Wire(outputs) as wire:
        while time.monotonic() < deadline:
            found = active_controller(wire)
            if found is not None:
                return found
            time.sleep(_POLL_S)
    raise NoAnswer(f"no controller led the quorum within {timeout_s:g} s")


def _claim(wire: Wire, node: NodeOutput, timeout_s: float) -> Quorum | None:
    try:
        return wire.describe_quorum(node, timeout_s)
    except NoAnswer:
        return None
