"""isolated-zone-kill: a zone loses its followers first and its power next.

The classic way to lose acknowledged records: leaders that were left alone in sync go on
acknowledging, where ``min.insync.replicas`` allows it, and then die with what only they had.
"""

import time
from collections.abc import Sequence

from blueprint.failover_budget import Loss
from blueprint.outputs import NodeOutput
from blueprint.topology import Role
from chaos.faults.az_kill import FENCED_TIMEOUT_S
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.zone_view import ASK_TIMEOUT_S, await_fenced, refusing
from chaos.leases import Undo
from chaos.wire import NoAnswer, metadata

#: Longer than any profile's replica.lag.time.max.ms (Kafka's default is 30 s).
ALONE_TIMEOUT_S = 45.0
#: Records are acknowledged, or refused, by lone leaders for this long before they die.
ALONE_S = 2.0
_POLL_S = 0.1


class IsolatedZoneKill(Fault):
    """Replication to and from one zone stalls until its leaders are alone in sync; then SIGKILL."""

    name = "isolated-zone-kill"
    says = "A zone's leaders lose their followers, go on alone, and die."
    loss = Loss.KILL

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._links = scene.links_of_zone("replication")
        self._led = self._alone = 0

    def undo(self) -> Sequence[Undo]:
        """Heal the links and start the nodes."""
        nodes = tuple(map(str, self._scene.nodes_in_zone()))
        return (
            Undo(action="heal-links", names=tuple(self._links)),
            Undo(action="start-nodes", names=nodes),
        )

    def inject(self) -> None:
        """Cut replication, wait until the leaders are alone, let them work so, kill them."""
        self._scene.target.stall(self._links)
        deadline = time.monotonic() + ALONE_TIMEOUT_S
        while time.monotonic() < deadline:
            self._led, self._alone = self._leaders_alone()
            if self._led and self._led == self._alone:
                break
            time.sleep(_POLL_S)
        time.sleep(ALONE_S)  # the fault itself: what is written now exists only once
        self._scene.target.kill(self._scene.nodes_in_zone())

    def effects(self) -> Sequence[Effect]:
        """Leaders left alone before the kill, then refused connections and fencing."""
        scene = self._scene
        nodes = [node for node in scene.outputs.nodes if node.zone == scene.zone]
        brokers = sum(node.role is Role.BROKER for node in nodes)
        fenced = await_fenced(scene.outputs, scene.zone, scene.topic, FENCED_TIMEOUT_S)
        return (
            Effect("leaders alone in sync", "partitions", self._led, self._alone),
            Effect("nodes that refuse a connection", "nodes", len(nodes), refusing(nodes)),
            Effect("brokers gone from the survivors' metadata", "brokers", brokers, fenced),
        )

    def heal(self) -> Sequence[str]:
        """Let replication through and start the nodes."""
        restarted = self._scene.target.heal_links(self._links)
        self._scene.target.start(self._scene.nodes_in_zone())
        return [f"the frozen link server of zone {zone} was restarted" for zone in restarted]

    def _leaders_alone(self) -> tuple[int, int]:
        led = alone = 0
        for node in self._brokers():
            try:
                seen = metadata(node.host, node.port, self._scene.topic, ASK_TIMEOUT_S)
            except NoAnswer:
                continue
            mine = [state for state in seen.partitions if state.leader == node.id]
            led += len(mine)
            alone += sum(state.isr == (node.id,) for state in mine)
        return led, alone

    def _brokers(self) -> list[NodeOutput]:
        scene = self._scene
        return [n for n in scene.outputs.nodes if n.zone == scene.zone and n.role is Role.BROKER]
