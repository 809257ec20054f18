"""The consumer group of a run: its member processes, and its size as the coordinator says."""

import time
from pathlib import Path

from blueprint.outputs import StackOutputs
from chaos.crew import Worker, wait_all
from chaos.experiment.model import Workload
from chaos.fleet_member import event_of, fleet_member, member_spec
from chaos.identity import suite_credentials
from chaos.interrupt import wait_until
from chaos.live import Live
from chaos.targets.target import TargetError
from chaos.topic import Topic

_POLL_S = 0.2
LEAVE_TIMEOUT_S = 15.0
SHARE_TIMEOUT_S = 45.0
_ANSWER_TIMEOUT_S = 30.0


class Group:
    """Members join, leave and die here; each is a process."""

    def __init__(
        self,
        run_dir: Path,
        number: int,
        outputs: StackOutputs,
        workload: Workload,
        topic: Topic,
        live: Live,
        database: str = "",
    ) -> None:
        """Bind to a topic, and to the database of effects; nobody has joined yet."""
        self.name = topic.group
        self._run_dir, self._number = run_dir, number
        self._outputs, self._workload = outputs, workload
        self._topic, self._live, self._database = topic, live, database
        self._members: list[Worker] = []
        self._count = 0

    @property
    def members(self) -> list[Worker]:
        """Those that were started and not told to leave or killed."""
        return list(self._members)

    def join(self, zone: str) -> str:
        """Start one more member in a zone; returns its name."""
        index = self._count
        self._count += 1
        start = fleet_member(
            self._run_dir,
            member_spec(self._run_dir, self._number, index, self._workload, self._database),
            self._topic.name,
            self.name,
            zone,
            self._workload,
            suite_credentials(self._outputs),
        )
        worker = Worker(
            self._run_dir,
            f"member-{index}",
            zone,
            start,
            lambda said: self._live.hear(event_of(index, said)),
        )
        self._members.append(worker)
        return worker.name

    def leave(self, zone: str) -> str:
        """Let the newest member of a zone leave in order."""
        member = self._take(zone)
        member.stop()
        if not member.wait(LEAVE_TIMEOUT_S):
            member.kill()
        return member.name

    def kill(self, zone: str) -> str:
        """SIGKILL the newest member of a zone."""
        member = self._take(zone)
        member.kill()
        member.wait(LEAVE_TIMEOUT_S)
        self._live.forget(int(member.name.removeprefix("member-")))
        return member.name

    def names(self) -> list[str]:
        """Of the members, the oldest first."""
        return [member.name for member in self._members]

    def zones(self) -> list[str]:
        """Of the members, the oldest first."""
        return [member.zone for member in self._members]

    def disband(self) -> None:
        """Let all members leave in order, at once; whoever is too slow is killed."""
        leaving, self._members = self._members, []
        for member in leaving:
            member.stop()
        for late in wait_all(leaving, LEAVE_TIMEOUT_S):
            self._live.forget(int(late.name.removeprefix("member-")))

    def replace(self, name: str) -> bool:
        """Let a successor join in a member's zone and have its share, then let the member leave.

        Returns:
            Whether the successor has a share and the member left in order, each in time.
        """
        member = next(one for one in self._members if one.name == name)
        self.join(member.zone)
        shared = wait_until(self.settled, SHARE_TIMEOUT_S)
        self._members.remove(member)
        member.stop()
        left = member.wait(LEAVE_TIMEOUT_S)
        if not left:
            member.kill()
        return shared and left and member.exit_code == 0

    def settled(self) -> bool:
        """Whether every member has its share of the partitions."""
        return self._live.shared_out(len(self._members))

    def group_size(self) -> int:
        """How many members the coordinator counts.

        Raises:
            TargetError: It does not answer.
        """
        deadline = time.monotonic() + _ANSWER_TIMEOUT_S
        while (size := self._topic.group_size(self.name)) is None:
            if time.monotonic() > deadline:
                raise TargetError(f"group {self.name}: its coordinator does not answer")
        return size

    def await_group_size(self, size: int, timeout_s: float) -> int:
        """Wait until the coordinator counts so many; returns what it counts at the end."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self._topic.group_size(self.name)
            if found == size:
                return size
            if time.monotonic() > deadline:
                return -1 if found is None else found
            time.sleep(_POLL_S)

    def handed_over(self) -> int:
        """How often partitions were assigned to or taken from members so far."""
        return self._live.handed_over

    def _take(self, zone: str) -> Worker:
        inside = [member for member in self._members if member.zone == zone] or self._members
        if not inside:
            raise TargetError(f"group {self.name} has no member left")
        member = inside[-1]
        self._members.remove(member)
        return member
