"""Retries wait longer and longer, within bounds, and end."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.retries import Again, GiveUp, Poison, RetrySchedule, WrongReturn

schedules = st.builds(
    RetrySchedule,
    attempts=st.integers(1, 50),
    first_s=st.floats(0.001, 10),
    factor=st.floats(1, 100),
    most_s=st.floats(10, 1000),
    jitter=st.floats(0, 1),
)


@given(schedules, st.integers(0, 1 << 60))
def test_every_record_is_given_up_on_after_its_attempts_and_not_before(
    schedule: RetrySchedule, offset: int
) -> None:
    """Each wait lies between nothing and the longest one."""
    for attempt in range(1, schedule.attempts):
        verdict = schedule.after(attempt, ValueError(), offset)
        assert isinstance(verdict, Again)
        assert 0 <= verdict.delay_s <= schedule.most_s
        assert verdict == schedule.after(attempt, ValueError(), offset)
    assert isinstance(schedule.after(schedule.attempts, ValueError(), offset), GiveUp)


@given(schedules, st.integers(1, 10_000))
def test_waits_never_get_shorter_before_jitter(schedule: RetrySchedule, attempt: int) -> None:
    """However many attempts there were."""
    assert schedule.wait_s(attempt) <= schedule.wait_s(attempt + 1) <= schedule.most_s


def test_what_no_attempt_can_mend_is_given_up_on_at_once() -> None:
    """What the handler calls poison, and what it must not return."""
    for error in (Poison("no such customer"), WrongReturn("it returned int")):
        assert isinstance(RetrySchedule().after(1, error, 0), GiveUp)
