"""The rebalance state machine: what is lost is never committed, no commit passes undone work."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleet.leases import Commit, Leases, Start
from fleet.record import Partition
from fleet.watermark import Span

PARTITIONS = [Partition("t", number) for number in range(4)]
some = st.sets(st.sampled_from(PARTITIONS), min_size=1)


class Group(RuleBasedStateMachine):
    """A broker that remembers commits and fences old ones, and one member of its group."""

    def __init__(self) -> None:
        """Begin without partitions."""
        super().__init__()
        self.leases = Leases()
        self.broker: dict[Partition, int] = {}
        self.done: dict[Partition, set[int]] = {p: set() for p in PARTITIONS}
        self.spans: dict[Partition, dict[int, Span]] = {p: {} for p in PARTITIONS}
        self.elsewhere: set[Partition] = set(PARTITIONS)
        self.highest_epoch = 0
        self.under_way: list[Commit] = []

    def take(self, commits: list[Commit]) -> None:
        """Commits reach the broker only from who has the partition, and cover only what is done."""
        for commit in commits:
            assert commit.partition not in self.elsewhere
            lease = self.leases.find(commit.partition)
            assert lease is not None
            assert lease.epoch == commit.epoch
            assert self.done[commit.partition] >= set(range(commit.offset))
            assert commit.offset >= self.broker.get(commit.partition, 0)
        self.under_way += commits

    @rule(partitions=some)
    def given(self, partitions: set[Partition]) -> None:
        """Partitions are given, from where the group stands."""
        new = partitions & self.elsewhere
        leases = self.leases.grant({p: Start(self.broker.get(p, 0)) for p in new}, 0.0)
        self.elsewhere -= new
        for lease in leases:
            assert lease.epoch > self.highest_epoch
            self.spans[lease.partition] = {}
        self.highest_epoch = max([self.highest_epoch, *(lease.epoch for lease in leases)])

    @rule(partition=st.sampled_from(PARTITIONS), count=st.integers(1, 5))
    def read(self, partition: Partition, count: int) -> None:
        """Records are handed out."""
        lease = self.leases.find(partition)
        if lease is not None and lease.watermark.open:
            first = lease.watermark.delivered_end
            offsets = range(first, first + count)
            self.spans[partition] |= dict.fromkeys(offsets, lease.watermark.deliver(offsets))

    @rule(partition=st.sampled_from(PARTITIONS), pick=st.integers(0, 50))
    def handled(self, partition: Partition, pick: int) -> None:
        """A handler ends, be its partition still here or not."""
        if self.spans[partition]:
            offset = sorted(self.spans[partition])[pick % len(self.spans[partition])]
            span = self.spans[partition].pop(offset)
            self.done[partition].add(offset)
            span.marks[offset - span.first] = 1

    @rule()
    def commit(self) -> None:
        """The regular commit."""
        self.take(self.leases.commits())

    @rule(taken=st.booleans())
    def answer(self, taken: bool) -> None:
        """The broker answers what is under way; it may refuse."""
        for commit in self.under_way:
            lease = self.leases.find(commit.partition)
            if taken and lease is not None and lease.epoch == commit.epoch:
                # The broker fences what was asked for under an earlier membership.
                self.broker[commit.partition] = commit.offset
                self.leases.confirmed(commit)
            else:
                self.leases.refused(commit)
        self.under_way = []

    @rule(partitions=some)
    def revoked(self, partitions: set[Partition]) -> None:
        """Drain, commit, release."""
        self.answer(True)
        for lease in self.leases.begin_release(partitions):
            assert not lease.watermark.open
        self.take(self.leases.commits(partitions))
        self.answer(True)
        self.leases.release(partitions)
        self.elsewhere |= partitions

    @rule(partitions=some)
    def lost(self, partitions: set[Partition]) -> None:
        """Another member has them already."""
        self.leases.lose(partitions)
        self.elsewhere |= partitions
        assert self.leases.commits(partitions) == []

    @invariant()
    def only_what_is_held_is_known(self) -> None:
        """What is elsewhere has no lease."""
        assert {lease.partition for lease in self.leases} == set(PARTITIONS) - self.elsewhere


TestGroup = Group.TestCase
TestGroup.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_refused_commit_is_made_again() -> None:
    """And one that was taken is not."""
    leases, partition = Leases(), PARTITIONS[0]
    (lease,) = leases.grant({partition: Start(0)}, 0.0)
    lease.watermark.deliver([0, 1]).marks[0] = 1
    (first,) = leases.commits()
    leases.refused(first)
    (again,) = leases.commits()
    assert again.offset == first.offset == 1
    leases.confirmed(again)
    (standing,) = leases.commits() or [again]
    assert standing.offset == 1


def test_done_ranges_are_written_where_the_offset_stands_still() -> None:
    """The first commit of an offset carries none; the next, of the same, carries them."""
    leases, partition = Leases(), PARTITIONS[0]
    (lease,) = leases.grant({partition: Start(0)}, 0.0)
    lease.watermark.deliver([0, 1, 2]).marks[2] = 1
    assert [c.metadata for c in leases.commits()] == [""]
    assert [bool(c.metadata) for c in leases.commits()] == [True]
    assert leases.commits() == []


def test_a_partition_that_stands_is_said_and_said_again_at_twice_the_time() -> None:
    """One that moves, or has no work, is not."""
    leases, partition = Leases(), PARTITIONS[0]
    (lease,) = leases.grant({partition: Start(0)}, 0.0)
    assert leases.stalls(100.0, 10.0) == []
    span = lease.watermark.deliver([0, 1])
    assert leases.stalls(105.0, 10.0) == []
    assert [stall.offset for stall in leases.stalls(111.0, 10.0)] == [0]
    assert leases.stalls(115.0, 10.0) == []
    assert [stall.seconds for stall in leases.stalls(122.0, 10.0)] == [22.0]
    span.marks[0] = 1
    assert leases.stalls(130.0, 10.0) == []
