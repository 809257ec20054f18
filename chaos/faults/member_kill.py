"""member-kill: a consumer dies without a word."""

from blueprint.failover_budget import Loss
from chaos.faults.fault import Members
from chaos.faults.group_change import GroupChange


class MemberKill(GroupChange):
    """SIGKILL of one member; when the step ends another joins in its place."""

    name = "member-kill"
    says = "A consumer dies; its partitions wait until the group notices."
    loss = Loss.MEMBER
    change = -1
    effect = "members expelled"

    def act(self, members: Members) -> None:
        """Kill it."""
        members.kill(self._scene.zone)
