"""member-kill: a consumer dies without a word."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.faults.group_view import GROUP_TIMEOUT_S, moved


class MemberKill(Fault):
    """SIGKILL of one member; when the step ends another joins in its place."""

    name = "member-kill"
    says = "A consumer dies; its partitions wait until the group notices."
    loss = Loss.MEMBER
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._size = self._handed = 0

    def inject(self) -> None:
        """Kill it."""
        self._size = self._scene.members.group_size()
        self._handed = self._scene.members.handed_over()
        self._scene.members.kill(self._scene.zone)

    def effects(self) -> Sequence[Effect]:
        """The coordinator gives up on it, and partitions moved."""
        members = self._scene.members
        size = members.await_group_size(self._size - 1, GROUP_TIMEOUT_S)
        return (
            Effect("members expelled", "members", 1, self._size - size),
            moved(members, self._handed),
        )

    def heal(self) -> Sequence[str]:
        """Start another."""
        self._scene.members.join(self._scene.zone)
        return ()
