"""What is known of a run while it goes on: rates, lag, leaders. Read by the terminal and the abort.

Nothing here is judged; the verdict reads the history alone.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from chaos.history.write import EventLog

#: Rates are those of the last second.
_RATE_SPAN_S = 1.0
#: A group that has not read anything for this long will not: beyond its session time-out.
_STILL_S = 10.0
#: What workers say that belongs into the history as it is.
_LOGGED = frozenset(
    {
        "producer-start",
        "producer-exit",
        "member-exit",
        "commit",
        "commit-failed",
        "assign",
        "revoke",
        "lost-partitions",
        "fatal",
        "fleet-signal",
        "acks",
        "greedy",
    }
)


@dataclass
class Live:
    """The present, fed by workers from their threads.

    Attributes:
        step: What the run is doing.
        fault: The active fault, or nothing.
        watched: Whether the abort conditions apply: between steady state and the end of the load.
        last_ack_s: When something was last acknowledged, by the monotonic clock.
    """

    log: EventLog
    partitions: int
    step: str = "starting"
    fault: str = ""
    watched: bool = False
    last_ack_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Begin with nothing known."""
        self._lock = threading.Lock()
        self._acks: deque[tuple[float, int]] = deque()
        self._highest: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._moved_s = time.monotonic()
        self._handed_over = 0
        self._unplaced = self._read = 0
        self._assigned: dict[int, set[int]] = {}

    def hear(self, said: dict[str, Any]) -> None:
        """Take in one line of a worker."""
        event = str(said.pop("e", ""))
        if event in _LOGGED:
            self.log.add(event, **said)
        with self._lock:
            if event == "acks":
                self._hear_acks(said)
            elif event == "reads":
                self._read += said["count"]
                self._hear_reads(said["positions"])
            elif event in ("assign", "revoke", "lost-partitions"):
                self._hear_assignment(event, said)
            elif event == "member-exit":
                self._assigned.pop(said["member"], None)

    @property
    def handed_over(self) -> int:
        """How often partitions changed hands."""
        return self._handed_over

    def rate_per_s(self) -> float:
        """Acknowledgements per second over the last second."""
        now = time.monotonic()
        with self._lock:
            while self._acks and self._acks[0][0] < now - _RATE_SPAN_S:
                self._acks.popleft()
            return sum(count for _, count in self._acks) / _RATE_SPAN_S

    def lag_records(self) -> int:
        """The backlog of the worst partition, in records.

        A record may be read before its acknowledgement is heard of, which is no backlog. Where
        nobody knows an acknowledged record's place, the mean of all partitions stands for it.
        """
        with self._lock:
            if self._unplaced:
                return max(0, self._unplaced - self._read) // self.partitions
            behind = (high + 1 - self._positions.get(p, 0) for p, high in self._highest.items())
            return max(0, max(behind, default=0))

    def drained(self) -> bool:
        """Whether everything acknowledged was read, or nothing more is being read.

        Records that were lost are never read: a group cannot be waited for beyond its last step.
        """
        with self._lock:
            unread = max(0, self._unplaced - self._read)
        all_read = self.lag_records() == 0 and unread == 0
        return all_read or time.monotonic() - self._moved_s > _STILL_S

    def silent_s(self) -> float:
        """How long nothing was acknowledged anywhere."""
        return time.monotonic() - self.last_ack_s

    def shared_out(self, members: int) -> bool:
        """Whether every partition is assigned, and to as many members as there can be."""
        with self._lock:
            busy = [partitions for partitions in self._assigned.values() if partitions]
            everything = set().union(*busy) if busy else set()
            return len(everything) == self.partitions and len(busy) == min(members, self.partitions)

    def forget(self, member: int) -> None:
        """A member is gone without a word: what it had is nobody's."""
        with self._lock:
            self._assigned.pop(member, None)

    def _hear_assignment(self, event: str, said: dict[str, Any]) -> None:
        mine = self._assigned.setdefault(said["member"], set())
        if event == "assign":
            mine.update(said["partitions"])
        else:
            mine.difference_update(said["partitions"])
        self._handed_over += bool(said["partitions"])

    def _hear_reads(self, positions: dict[str, int]) -> None:
        for partition, position in positions.items():
            p = int(partition)
            if position > self._positions.get(p, 0):
                self._positions[p] = position
                self._moved_s = time.monotonic()

    def _hear_acks(self, said: dict[str, Any]) -> None:
        now, count = time.monotonic(), int(said["count"])
        if count:
            self._acks.append((now, count))
            self.last_ack_s = now
        self._unplaced += 0 if said["highest"] else count
        for partition, high in said["highest"].items():
            p = int(partition)
            self._highest[p] = max(self._highest.get(p, -1), high)
