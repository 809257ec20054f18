"""What the faults of the consumer group share: a member more or less, and how that is measured."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from chaos.faults.fault import Effect, Fault, Members, Scene
from chaos.interrupt import wait_until

#: Longer than the group's session time-out of 6 s in every profile but Kafka's own (45 s).
GROUP_TIMEOUT_S = 60.0


class GroupChange(Fault):
    """One member comes or goes; when the step ends the group is as large as before.

    Attributes:
        change: 1 when the group grows by the fault, -1 when it shrinks.
        effect: What the coordinator is to have seen.
    """

    change: ClassVar[int]
    effect: ClassVar[str]
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._size = self._handed = 0

    @abstractmethod
    def act(self, members: Members) -> None:
        """Let the member come or go."""

    def inject(self) -> None:
        """Remember how the group stands, then change it."""
        members = self._scene.members
        self._size, self._handed = members.group_size(), members.handed_over()
        self.act(members)

    def effects(self) -> Sequence[Effect]:
        """The coordinator counts one member more or less, and members say that partitions moved."""
        members = self._scene.members
        size = members.await_group_size(self._size + self.change, GROUP_TIMEOUT_S)
        moved = wait_until(lambda: members.handed_over() > self._handed, GROUP_TIMEOUT_S)
        return (
            Effect(self.effect, "members", 1, (size - self._size) * self.change),
            Effect("partitions handed over", "rebalances", 1, int(moved)),
        )

    def heal(self) -> Sequence[str]:
        """Let the one that came leave in order, or another come in place of the one that went."""
        members = self._scene.members
        restore = members.leave if self.change > 0 else members.join
        restore(self._scene.zone)
        return ()
