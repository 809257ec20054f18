"""member-join: the consumer group grows by one."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.group_view import GROUP_TIMEOUT_S, moved


class MemberJoin(Fault):
    """One more member joins; when the step ends it leaves again."""

    name = "member-join"
    says = "A consumer joins the group and partitions are handed over to it."
    loss = Loss.REBALANCE
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._size = self._handed = 0

    def inject(self) -> None:
        """Start it."""
        self._size = self._scene.members.group_size()
        self._handed = self._scene.members.handed_over()
        self._scene.members.join(self._scene.zone)

    def effects(self) -> Sequence[Effect]:
        """The coordinator counts one member more, and partitions moved."""
        members = self._scene.members
        size = members.await_group_size(self._size + 1, GROUP_TIMEOUT_S)
        return (
            Effect("members joined", "members", 1, size - self._size),
            moved(members, self._handed),
        )

    def heal(self) -> Sequence[str]:
        """Let it leave in order."""
        self._scene.members.leave(self._scene.zone)
        return ()
