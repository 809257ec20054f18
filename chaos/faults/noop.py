"""noop: a fault aimed at nothing, to prove that such a run is never called a PASS."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault
from chaos.targets.target import Ability


class Noop(Fault):
    """Says that it cuts a zone off and touches nothing."""

    name = "noop"
    says = "Nothing happens, although the experiment says that something does."
    loss = Loss.NONE
    needs = frozenset({Ability.ZONE_CUT})
    strikes_zone = False

    def inject(self) -> None:
        """Do nothing."""

    def effects(self) -> Sequence[Effect]:
        """Measure the cut that was never made."""
        return self._scene.zone_cut().effects()
