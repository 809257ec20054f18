"""az-blackhole: a zone's network swallows everything and says nothing."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.leases import WayBack
from chaos.targets.target import Ability


class AzBlackhole(Fault):
    """Everything in and out of one zone stalls, both directions; connections stay open.

    How is the target's: a lab stalls the zone's links. On AWS a network ACL that denies everything
    takes the place of each of the zone's subnets' own. Network ACLs are stateless: packets of
    connections that are open already are dropped like all others, so they stall and nobody is told.
    """

    name = "az-blackhole"
    says = "A zone is cut off without a word: connections stay open and nothing comes through."
    loss = Loss.BLACKHOLE
    needs = frozenset({Ability.ZONE_CUT})

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._cut = scene.zone_cut()

    def undo(self) -> Sequence[WayBack]:
        """Let everything through again."""
        return self._cut.undo()

    def inject(self) -> None:
        """Cut the zone off."""
        self._cut.make()

    def effects(self) -> Sequence[Effect]:
        """Ask from outside the zone; what is not cut off answers in milliseconds."""
        return self._cut.effects()

    def heal(self) -> Sequence[str]:
        """Let everything through again."""
        return self._cut.mend()
