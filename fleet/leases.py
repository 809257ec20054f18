"""Which partitions this member has, since when, and what it may commit of them.

The states of a partition and who moves them:

    (absent) --grant--> HELD --begin_release--> DRAINING --release--> (absent)
                        HELD or DRAINING --lose--> (absent)

A commit is one snapshot of offset, metadata and epoch, made only of a partition that is HELD or
DRAINING: what was lost is another member's already, and a commit could undo that one's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleet.done_ranges import encode
from fleet.record import Partition
from fleet.watermark import Range, Watermark


class LeaseState(StrEnum):
    """What a member may do with a partition's records."""

    HELD = "held"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition is begun.

    Attributes:
        position: The committed offset, or where the log begins.
        done: Ranges above it that an earlier member has done.
    """

    position: int
    done: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """One partition's snapshot: everything below ``offset`` is done.

    Attributes:
        epoch: Of the lease it was made under; a commit of another epoch is none of ours.
        metadata: The done ranges above the offset, or nothing.
    """

    partition: Partition
    epoch: int
    offset: int
    metadata: str


@dataclass(slots=True)
class Lease:
    """One partition in this member's hands.

    Attributes:
        epoch: Rises with every grant of any partition; never given twice.
        fresh: Given during the poll that is under way: what that poll returns of it may have been
            fetched for an earlier lease.
        proven: Whether a record was read since it was given, resumed or read anew from somewhere.
        doubted: The first offset that came instead of the one that was due.
        insists: Nothing but the offset that is due will do: behind it is a batch that is damaged.
    """

    partition: Partition
    epoch: int
    watermark: Watermark
    state: LeaseState = LeaseState.HELD
    fresh: bool = True
    proven: bool = False
    doubted: int | None = None
    insists: bool = False
    asked: Commit | None = None
    committed: Commit | None = None
    moved_s: float = 0.0
    said_s: float = 0.0
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """A partition that has work and does not move.

    Attributes:
        offset: The lowest offset that is not done.
        seconds: For how long it has been that.
    """

    partition: Partition
    offset: int
    seconds: float


class Leases:
    """Every lease of one member; used by its polling thread alone."""

    def __init__(self, *, keeps: bool = False) -> None:
        """Begin with none.

        Args:
            keeps: Whether what is done is kept until it was written down: see ``Watermark``.
        """
        self._keeps = keeps
        self._held: dict[Partition, Lease] = {}
        self._epoch = 0

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    def find(self, partition: Partition) -> Lease | None:
        """The lease of a partition, if this member has it."""
        return self._held.get(partition)

    def grant(self, starts: Mapping[Partition, Start], now_s: float) -> list[Lease]:
        """Take partitions over; a lease that was never given back ends here."""
        granted = []
        self._epoch += 1
        for partition, start in starts.items():
            before = self._held.pop(partition, None)
            if before is not None:
                before.watermark.close()
            watermark = Watermark(start.position, start.done)
            watermark.keeps = self._keeps
            lease = Lease(partition, self._epoch, watermark, moved_s=now_s)
            self._held[partition] = lease
            granted.append(lease)
        return granted

    def settle(self) -> None:
        """End the poll that gave new leases: from now on their records are their own."""
        for lease in self._held.values():
            lease.fresh = False

    def doubt(self, partitions: Iterable[Partition]) -> None:
        """Look closely at what comes next of these: the client begins anew with them."""
        for partition in partitions:
            if (lease := self._held.get(partition)) is not None:
                lease.proven, lease.doubted, lease.insists = False, None, False

    def begin_release(self, partitions: Iterable[Partition]) -> list[Lease]:
        """Let no handler begin with another record of these; what runs may end."""
        leaving = [lease for p in partitions if (lease := self._held.get(p)) is not None]
        for lease in leaving:
            lease.watermark.close()
            lease.state = LeaseState.DRAINING
        return leaving

    def release(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that were drained and committed."""
        for partition in partitions:
            self._held.pop(partition, None)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that another member has already: nothing is committed of them."""
        for lease in self.begin_release(partitions):
            del self._held[lease.partition]

    def commits(self, partitions: Iterable[Partition] | None = None) -> list[Commit]:
        """A snapshot of each partition that has news, of all or of some.

        Ranges above the offset are added where the offset stands still, or the partition is given
        back: elsewhere the next commit follows within a second and they would only cost.
        """
        chosen = list(self._held) if partitions is None else partitions
        found = [self._snapshot(lease) for p in chosen if (lease := self._held.get(p)) is not None]
        return [commit for commit in found if commit is not None]

    def confirmed(self, commit: Commit) -> None:
        """The broker has taken a commit."""
        lease = self._held.get(commit.partition)
        if lease is not None and lease.epoch == commit.epoch:
            lease.committed = commit

    def refused(self, commit: Commit) -> None:
        """The broker has not taken a commit: it is made again."""
        lease = self._held.get(commit.partition)
        if lease is not None and lease.epoch == commit.epoch:
            lease.asked = lease.committed

    def stalls(self, now_s: float, limit_s: float) -> list[Stall]:
        """Partitions with work that have not moved for a limit; said again at twice the time."""
        found = []
        for lease in self._held.values():
            position, end = lease.watermark.position(), lease.watermark.delivered_end
            if position != lease.seen or position is None or position >= end:
                lease.seen, lease.moved_s, lease.said_s = position, now_s, 0.0
            elif now_s - lease.moved_s >= max(limit_s, 2 * lease.said_s):
                lease.said_s = now_s - lease.moved_s
                found.append(Stall(lease.partition, position, now_s - lease.moved_s))
        return found

    @property
    def standing(self) -> int:
        """Partitions that were said to be stalled and have not moved since."""
        return sum(lease.said_s > 0 for lease in self._held.values())

    def _snapshot(self, lease: Lease) -> Commit | None:
        position = lease.watermark.position()
        if position is None:
            return None
        asked = lease.asked
        stands = asked is not None and asked.offset == position
        draining = lease.state is LeaseState.DRAINING
        metadata = ""
        if stands or draining:
            metadata = encode(position, lease.watermark.done_above(position))
        commit = Commit(lease.partition, lease.epoch, position, metadata)
        if commit == asked:
            return None
        lease.asked = commit
        return commit
