"""member-leave: the consumer group shrinks by one, in order."""

from blueprint.failover_budget import Loss
from chaos.faults.fault import Members
from chaos.faults.group_change import GroupChange


class MemberLeave(GroupChange):
    """One member commits and leaves; when the step ends another joins in its place."""

    name = "member-leave"
    says = "A consumer leaves the group in order and the others take over its partitions."
    loss = Loss.REBALANCE
    change = -1
    effect = "members left"

    def act(self, members: Members) -> None:
        """Let it leave."""
        members.leave(self._scene.zone)
