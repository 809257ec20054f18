"""isolated-zone-kill: a zone loses its followers first and its power next.

The classic way to lose acknowledged records: leaders that were left alone in sync go on
acknowledging, where ``min.insync.replicas`` allows it, and then die with what only they had.
"""

import time
from collections.abc import Sequence

from blueprint.failover_budget import Loss
from blueprint.outputs import NodeOutput
from blueprint.topology import Role
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.zone_view import dead, led_by
from chaos.interrupt import wait_until
from chaos.leases import Undo
from chaos.targets.target import Ability
from chaos.wire import Wire

#: Longer than any profile's replica.lag.time.max.ms (Kafka's default is 30 s).
ALONE_TIMEOUT_S = 45.0
#: Records are acknowledged, or refused, by lone leaders for this long before they die.
ALONE_S = 2.0


class IsolatedZoneKill(Fault):
    """Replication to and from one zone stalls until its leaders are alone in sync; then SIGKILL."""

    name = "isolated-zone-kill"
    says = "A zone's leaders lose their followers, go on alone, and die."
    loss = Loss.KILL
    needs = frozenset({Ability.LINKS, Ability.NODES})

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
        with Wire(self._scene.outputs) as wire:
            wait_until(lambda: self._leaders_alone(wire), ALONE_TIMEOUT_S)
        time.sleep(ALONE_S)  # the fault itself: what is written now exists only once
        self._scene.target.kill(self._scene.nodes_in_zone())

    def effects(self) -> Sequence[Effect]:
        """Leaders left alone before the kill, then refused connections and fencing."""
        alone = Effect("leaders alone in sync", "partitions", self._led, self._alone)
        return (alone, *dead(self._scene))

    def heal(self) -> Sequence[str]:
        """Let replication through and start the nodes."""
        notes = self._scene.heal_links(self._links)
        self._scene.target.start(self._scene.nodes_in_zone())
        return notes

    def _leaders_alone(self, wire: Wire) -> bool:
        """Whether the zone leads partitions and none of them has another replica in sync."""
        led = list(led_by(wire, self._scene, self._brokers()))
        self._led = len(led)
        self._alone = sum(state.isr == (node.id,) for node, state in led)
        return 0 < self._led == self._alone

    def _brokers(self) -> list[NodeOutput]:
        scene = self._scene
        return [n for n in scene.outputs.nodes if n.zone == scene.zone and n.role is Role.BROKER]
