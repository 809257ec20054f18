"""az-blackhole: a zone's network swallows everything and says nothing."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.zone_view import stalled
from chaos.leases import Undo


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
        return (stalled(self._scene, self._links),)

    def heal(self) -> Sequence[str]:
        """Let everything through again."""
        return self._scene.heal_links(self._links)
