"""What the rest of the world sees of a zone: who answers, and whom the brokers take for alive."""

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from blueprint.outputs import NodeOutput
from blueprint.topology import Role
from chaos.faults.fault import Effect, Scene
from chaos.interrupt import wait_until
from chaos.quorum import active_controller
from chaos.wire import NoAnswer, PartitionState, Wire

ASK_TIMEOUT_S = 1.0
#: Long against a round trip here (milliseconds), short against a fault.
PROBE_TIMEOUT_S = 1.0
#: Longer than any profile's broker session, so that a slow fencing is seen and not missed.
FENCED_TIMEOUT_S = 15.0
DEAD_TIMEOUT_S = 5.0
_POLL_S = 0.05


def stalled(scene: Scene, links: Sequence[str]) -> Effect:
    """Ask a question through each link; one that works answers in milliseconds."""
    found = scene.target.probe_s(links, PROBE_TIMEOUT_S)
    silent = sum(time_s is None for time_s in found.values())
    return Effect("links that answer nothing", "links", len(links), silent)


@dataclass(frozen=True, slots=True)
class Emptied:
    """The disks of a zone's brokers, emptied; ``lost`` is how many replicas they had."""

    lost: int

    @classmethod
    def make(cls, scene: Scene) -> Self:
        """Empty them; none of the zone's brokers may run."""
        return cls(scene.target.empty_disks(scene.brokers_in_zone()))

    def effect(self, scene: Scene) -> Effect:
        """How many of the replicas are gone from the disks."""
        left = scene.target.replicas_on_disk(scene.brokers_in_zone())
        return Effect(
            "replicas gone from the zone's disks", "replicas", self.lost, self.lost - left
        )


def led_by(
    wire: Wire, scene: Scene, nodes: Iterable[NodeOutput]
) -> Iterator[tuple[NodeOutput, PartitionState]]:
    """The run's partitions that nodes say they lead themselves; a node that is silent says none."""
    for node in nodes:
        with suppress(NoAnswer):
            seen = wire.metadata(node, scene.topic, ASK_TIMEOUT_S)
            yield from ((node, state) for state in seen.partitions if state.leader == node.id)


def dead(scene: Scene) -> tuple[Effect, Effect]:
    """Ask each node for a connection, and the survivors whom they take for alive."""
    nodes = [node for node in scene.outputs.nodes if node.zone == scene.zone]
    missed = _missed(scene, {node.id for node in nodes if node.role is Role.BROKER})
    return refused("nodes", nodes), missed


def refused(what: str, nodes: Sequence[NodeOutput]) -> Effect:
    """Ask each node for a connection; the kernel may need a moment to end what was killed."""
    refusing = 0

    def all_refuse() -> bool:
        nonlocal refusing
        refusing = sum(not _listens(node) for node in nodes)
        return refusing == len(nodes)

    wait_until(all_refuse, DEAD_TIMEOUT_S, _POLL_S)
    return Effect(f"{what} that refuse a connection", what, len(nodes), refusing)


def _missed(scene: Scene, brokers: set[int]) -> Effect:
    """The zone's brokers are fenced, by a controller; where none is left, that is what is seen."""
    controllers = [node for node in scene.outputs.nodes if node.role is Role.CONTROLLER]
    left = sum(node.zone != scene.zone for node in controllers)
    if 2 * left > len(controllers):
        fenced = _await_fenced(scene, brokers)
        what = "brokers gone from the survivors' metadata"
        return Effect(what, "brokers", len(brokers), fenced)
    with Wire(scene.outputs) as wire:
        leaderless = wait_until(lambda: active_controller(wire) is None, FENCED_TIMEOUT_S, _POLL_S)
    return Effect("the quorum without a leader", "quorums", 1, int(leaderless))


def _await_fenced(scene: Scene, gone: set[int]) -> int:
    """Wait until no surviving broker lists one of these; returns how many all leave out."""
    others = [n for n in scene.outputs.nodes if n.role is Role.BROKER and n.zone != scene.zone]
    listed = set(gone)

    def fenced() -> bool:
        nonlocal listed
        listed = gone & _listed(wire, others, scene.topic, gone)
        return not listed

    with Wire(scene.outputs) as wire:
        wait_until(fenced, FENCED_TIMEOUT_S, _POLL_S)
    return len(gone - listed)


def _listed(
    wire: Wire, observers: Iterable[NodeOutput], topic: str, if_unknown: set[int]
) -> set[int]:
    listed: set[int] = set()
    for node in observers:
        try:
            listed |= wire.metadata(node, topic, ASK_TIMEOUT_S).brokers
        except NoAnswer:
            listed |= if_unknown
    return listed


def _listens(node: NodeOutput) -> bool:
    with suppress(OSError), socket.create_connection((node.host, node.port), ASK_TIMEOUT_S):
        return True
    return False
