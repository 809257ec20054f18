"""A handler that is too long at one record is said, and its end is said."""

from confluent_kafka import Message

from fleet.record import Record
from fleet.watchdog import Watchdog


def record(offset: int) -> Record:
    """A record as the client gives it."""
    return Message("t", 0, offset, b"k", b"v")  # type: ignore[return-value]


def test_it_is_said_at_the_limit_and_at_twice_the_time_and_at_its_end() -> None:
    """A lane that goes on to other records is never said."""
    watchdog, stuck = Watchdog(10.0), record(1)
    said = [
        watchdog.look([(0, stuck), (1, record(offset))], now_s)
        for offset, now_s in enumerate((0.0, 5.0, 10.0, 15.0, 20.0))
    ]
    assert [[h.seconds for h in found] for found in said] == [[], [], [10.0], [], [20.0]]
    (ended,) = watchdog.look([(0, record(2))], 21.0)
    assert (ended.ended, ended.record, ended.seconds) == (True, stuck, 21.0)
    assert watchdog.look([], 22.0) == []


def test_a_lane_that_became_idle_has_ended_what_was_said_of_it() -> None:
    """Not only one that is at another record."""
    watchdog, stuck = Watchdog(1.0), record(1)
    watchdog.look([(3, stuck)], 0.0)
    assert len(watchdog.look([(3, stuck)], 2.0)) == 1
    assert [hung.ended for hung in watchdog.look([], 3.0)] == [True]
