"""noop: a fault aimed at nothing, to prove that such a run is never called a PASS."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.az_blackhole import PROBE_TIMEOUT_S
from chaos.faults.fault import Effect, Fault


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
        links = self._scene.links_of_zone()
        found = self._scene.target.probe_s(links, PROBE_TIMEOUT_S)
        stalled = sum(time_s is None for time_s in found.values())
        return (Effect("links that answer nothing", "links", len(links), stalled),)
