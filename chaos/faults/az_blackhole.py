"""az-blackhole: a zone's network swallows everything and says nothing."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.leases import Undo

#: Long against a round trip here (milliseconds), short against the fault.
PROBE_TIMEOUT_S = 1.0


class AzBlackhole(Fault):
    """Every link in and out of one zone stalls, both directions; connections stay open."""

    name = "az-blackhole"
    says = "A zone is cut off without a word: connections stay open and nothing comes through."
    loss = Loss.BLACKHOLE

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._links = scene.links_of_zone()

    def undo(self) -> Sequence[Undo]:
        """Heal the links."""
        return (Undo(action="heal-links", names=tuple(self._links)),)

    def inject(self) -> None:
        """Stall them."""
        self._scene.target.stall(self._links)

    def effects(self) -> Sequence[Effect]:
        """Ask a question through each link; one that works answers in milliseconds."""
        found = self._scene.target.probe_s(self._links, PROBE_TIMEOUT_S)
        stalled = sum(time_s is None for time_s in found.values())
        return (Effect("links that answer nothing", "links", len(self._links), stalled),)

    def heal(self) -> Sequence[str]:
        """Let everything through again."""
        restarted = self._scene.target.heal_links(self._links)
        return [f"the frozen link server of zone {zone} was restarted" for zone in restarted]
