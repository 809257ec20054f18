"""member-join: the consumer group grows by one."""

from blueprint.failover_budget import Loss
from chaos.faults.fault import Members
from chaos.faults.group_change import GroupChange


class MemberJoin(GroupChange):
    """One more member joins; when the step ends it leaves again."""

    name = "member-join"
    says = "A consumer joins the group and partitions are handed over to it."
    loss = Loss.REBALANCE
    change = 1
    effect = "members joined"

    def act(self, members: Members) -> None:
        """Start it."""
        members.join(self._scene.zone)
