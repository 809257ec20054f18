"""rolling-deploy: every member is replaced, one after the other, while records flow."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.group_change import GROUP_TIMEOUT_S


class RollingDeploy(Fault):
    """Each member's successor joins first, then it leaves in order, as a Deployment rolls pods."""

    name = "rolling-deploy"
    says = "A new version is rolled out: each consumer is replaced, one after the other."
    loss = Loss.MEMBER
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to the group."""
        super().__init__(scene)
        self._expected = self._replaced = self._size = 0

    def inject(self) -> None:
        """Replace all of them."""
        members = self._scene.members
        self._size = members.group_size()
        self._expected = len(members.names())
        for name in members.names():
            self._replaced += members.replace(name)

    def effects(self) -> Sequence[Effect]:
        """As many were replaced as there were, and the coordinator counts as many as before."""
        left = self._scene.members.await_group_size(self._size, GROUP_TIMEOUT_S)
        return (
            Effect("members replaced", "members", self._expected, self._replaced),
            Effect("members of the group", "members", self._size, left),
        )
