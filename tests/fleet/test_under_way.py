"""Answers to commits, several of which are under way at once."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.leases import Commit
from fleet.record import Partition
from fleet.under_way import UnderWay

HERE, THERE = Partition("orders", 0), Partition("orders", 1)


def commits(partition: Partition, *offsets: int) -> list[Commit]:
    """Commits of one lease."""
    return [Commit(partition, 1, offset, "") for offset in offsets]


@given(st.lists(st.integers(0, 1000), unique=True, min_size=1).map(sorted))
def test_each_answer_is_one_commits_however_many_are_under_way(offsets: list[int]) -> None:
    """Answers slower than commits: one that only knew the newest would never hear of any."""
    under_way = UnderWay()
    asked = commits(HERE, *offsets)
    under_way.add(asked)
    assert [under_way.answered(HERE, offset) for offset in offsets] == asked


def test_an_answer_speaks_for_whatever_was_asked_for_before_it() -> None:
    """What is heard later of those says less than is known."""
    under_way = UnderWay()
    first, second, third = commits(HERE, 5, 9, 12)
    under_way.add([first, second, third])
    assert under_way.answered(HERE, 9) == second
    assert under_way.answered(HERE, 5) is None
    assert under_way.answered(HERE, 12) == third


def test_an_answer_is_never_taken_for_an_earlier_leases() -> None:
    """A partition that was lost and given again begins where it was: at the same offset."""
    under_way = UnderWay()
    lost, again = Commit(HERE, 1, 5, ""), Commit(HERE, 2, 5, "")
    under_way.add([lost])
    under_way.add([again])
    assert under_way.answered(HERE, 5) == again


def test_what_is_dropped_is_no_longer_waited_for() -> None:
    """Of that partition alone."""
    under_way = UnderWay()
    (here,), (there,) = commits(HERE, 5), commits(THERE, 5)
    under_way.add([here, there])
    under_way.drop(HERE)
    assert under_way.answered(HERE, 5) is None
    assert under_way.answered(THERE, 5) == there
