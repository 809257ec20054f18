"""members-stopped: no consumer is there, and producers go on."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.group_change import GROUP_TIMEOUT_S


class MembersStopped(Fault):
    """Every member leaves in order; when the step ends as many join again, where they were."""

    name = "members-stopped"
    says = "The whole fleet is stopped for a while and its backlog grows."
    loss = Loss.FLEET
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to the group."""
        super().__init__(scene)
        self._zones: Sequence[str] = ()

    def inject(self) -> None:
        """Remember who was where, then let all of them leave."""
        self._zones = self._scene.members.zones()
        self._scene.members.disband()

    def effects(self) -> Sequence[Effect]:
        """The coordinator counts nobody any more."""
        before = len(self._zones)
        left = self._scene.members.await_group_size(0, GROUP_TIMEOUT_S)
        return (Effect("members gone", "members", before, before - left),)

    def heal(self) -> Sequence[str]:
        """Start as many as there were."""
        for zone in self._zones[len(self._scene.members.names()) :]:
            self._scene.members.join(zone)
        return ()
