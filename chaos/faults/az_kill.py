"""az-kill: the machines of a zone lose power."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault
from chaos.faults.zone_view import dead
from chaos.leases import Undo
from chaos.targets.target import Ability


class AzKill(Fault):
    """SIGKILL of every broker and controller of one zone, at one moment."""

    name = "az-kill"
    says = "A zone's brokers and controller die at once; connections to them are refused."
    loss = Loss.KILL
    needs = frozenset({Ability.NODES})

    def undo(self) -> Sequence[Undo]:
        """Start the nodes."""
        names = tuple(map(str, self._scene.nodes_in_zone()))
        return (Undo(action="start-nodes", names=names),)

    def inject(self) -> None:
        """Kill them."""
        self._scene.target.kill(self._scene.nodes_in_zone())

    def effects(self) -> Sequence[Effect]:
        """Ask each node for a connection, and the survivors whom they take for alive."""
        return dead(self._scene)

    def heal(self) -> Sequence[str]:
        """Start them and wait until they listen."""
        self._scene.target.start(self._scene.nodes_in_zone())
        return ()
