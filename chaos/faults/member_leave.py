"""member-leave: the consumer group shrinks by one, in order."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.group_view import GROUP_TIMEOUT_S, moved


class MemberLeave(Fault):
    """One member commits and leaves; when the step ends another joins in its place."""

    name = "member-leave"
    says = "A consumer leaves the group in order and the others take over its partitions."
    loss = Loss.REBALANCE
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._size = self._handed = 0

    def inject(self) -> None:
        """Let it leave."""
        self._size = self._scene.members.group_size()
        self._handed = self._scene.members.handed_over()
        self._scene.members.leave(self._scene.zone)

    def effects(self) -> Sequence[Effect]:
        """The coordinator counts one member less, and partitions moved."""
        members = self._scene.members
        size = members.await_group_size(self._size - 1, GROUP_TIMEOUT_S)
        return (
            Effect("members left", "members", 1, self._size - size),
            moved(members, self._handed),
        )

    def heal(self) -> Sequence[str]:
        """Start another."""
        self._scene.members.join(self._scene.zone)
        return ()
