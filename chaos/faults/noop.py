"""noop: a fault aimed at nothing, to prove that such a run is never called a PASS."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault
from chaos.faults.zone_view import stalled


class Noop(Fault):
    """Says that it stalls a zone's links and touches none of them."""

    name = "noop"
    says = "Nothing happens, although the experiment says that something does."
    loss = Loss.NONE
    strikes_zone = False

    def inject(self) -> None:
        """Do nothing."""

    def effects(self) -> Sequence[Effect]:
        """Probe the links that were never stalled."""
        return (stalled(self._scene, self._scene.links_of_zone()),)
