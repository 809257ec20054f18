"""A broker that does not come while others serve is started anew, once."""

from lab.ready import STUCK_S, Arrivals


def test_who_comes_in_time_is_left_alone() -> None:
    """Nobody is stuck while nobody serves: the quorum itself may take long."""
    begun: list[int] = []
    arrivals = Arrivals([1, 2, 3], begun.append)
    assert not arrivals.complete([], 0.0)
    assert not arrivals.complete([], 50.0)
    assert not arrivals.complete([2], 51.0)
    assert not arrivals.complete([2, 3], 51.0 + STUCK_S)
    assert arrivals.complete([1, 2, 3], 52.0 + STUCK_S)
    assert begun == []


def test_who_is_stuck_is_started_anew_once() -> None:
    """A second time would not help, and would hide that it did not."""
    begun: list[int] = []
    arrivals = Arrivals([1, 2, 3], begun.append)
    for now_s in range(100):
        assert not arrivals.complete([2, 3], float(now_s))
    assert begun == [1]
    assert arrivals.complete([1, 2, 3], 100.0)
