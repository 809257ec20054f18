"""stale-zone-left: a zone falls behind, and then it is all that is left.

Two zones have every acknowledged record, the third has not. When both of them die, whoever may lead
without having kept up takes all of it back. One zone's loss cannot show this: with two copies of
every record, one that is whole is always left.
"""

import time
from collections.abc import Sequence

from blueprint.failover_budget import Loss
from blueprint.topology import Role
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.zone_view import led_by, refused
from chaos.interrupt import wait_until
from chaos.leases import Undo
from chaos.targets.target import Ability
from chaos.wire import Wire

#: Longer than any profile's replica.lag.time.max.ms (Kafka's default is 30 s).
BEHIND_TIMEOUT_S = 45.0
#: Records are acknowledged without the stale zone for this long before the others die.
BEHIND_S = 2.0


class StaleZoneLeft(Fault):
    """Replication of one zone stalls until it is out of sync; then the others' brokers die.

    The controllers live on: what is shown is whom they let lead.
    """

    name = "stale-zone-left"
    says = "One zone falls behind; then the brokers of both others die, and it alone is left."
    loss = Loss.KILL
    needs = frozenset({Ability.LINKS, Ability.NODES})
    zones = 3
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to the zone that falls behind."""
        super().__init__(scene)
        self._links = scene.links_of_zone("replication")
        brokers = [node for node in scene.outputs.nodes if node.role is Role.BROKER]
        self._others = [node for node in brokers if node.zone != scene.zone]
        self._led = self._without = 0

    def undo(self) -> Sequence[Undo]:
        """Heal the links and start the brokers."""
        return (
            Undo(action="heal-links", names=tuple(self._links)),
            Undo(action="start-nodes", names=tuple(map(str, self._ids()))),
        )

    def inject(self) -> None:
        """Cut replication, wait until the zone is out of sync, let the others work, kill them."""
        self._scene.target.stall(self._links)
        with Wire(self._scene.outputs) as wire:
            wait_until(lambda: self._behind(wire), BEHIND_TIMEOUT_S)
        time.sleep(BEHIND_S)  # the fault itself: what is written now the stale zone lacks
        self._scene.target.kill(self._ids())

    def effects(self) -> Sequence[Effect]:
        """Partitions whose in-sync replicas lacked the zone, then refused connections."""
        return (
            Effect("partitions in sync without the zone", "partitions", self._led, self._without),
            refused("brokers", self._others),
        )

    def heal(self) -> Sequence[str]:
        """Let replication through and start the brokers."""
        notes = self._scene.heal_links(self._links)
        self._scene.target.start(self._ids())
        return notes

    def _behind(self, wire: Wire) -> bool:
        """Whether the others lead partitions and the zone is in sync in none of them."""
        stale = set(self._scene.brokers_in_zone())
        led = [state for _, state in led_by(wire, self._scene, self._others)]
        self._led, self._without = len(led), sum(stale.isdisjoint(state.isr) for state in led)
        return 0 < self._led == self._without

    def _ids(self) -> list[int]:
        return [node.id for node in self._others]
