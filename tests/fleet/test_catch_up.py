"""Catching up: when it begins and ends, and the handler in two parts that it needs."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.catch_up import CatchUpRules, Mode, ModeMachine, Wish

ENTER, LEAVE, HOLD_S = 1000, 100, 10.0
RULES = CatchUpRules(ENTER, LEAVE, HOLD_S)
LAGS = st.none() | st.integers(0, 2 * ENTER)
STEPS = st.lists(st.tuples(st.floats(0.1, 5), LAGS, st.sampled_from([None, *Wish])), max_size=80)


@given(STEPS)
def test_it_changes_only_for_a_reason(steps: list[tuple[float, int | None, Wish | None]]) -> None:
    """It enters at the lag or by hand; it leaves by hand, or after a lag that was low for long."""
    machine, now_s, low_s = ModeMachine(RULES), 0.0, 0.0
    for gap_s, lag, wish in steps:
        now_s += gap_s
        low_s = now_s if lag is None or lag >= LEAVE else low_s
        before = machine.mode
        if wish is not None:
            machine.wish(wish)
        after = machine.look(lag, now_s)
        if before is Mode.NORMAL and after is Mode.CATCHING_UP:
            assert wish is Wish.ENTER or (lag is not None and lag >= ENTER)
            low_s = now_s
        if before is Mode.CATCHING_UP and after is Mode.NORMAL and wish is not Wish.LEAVE:
            assert lag is not None
            assert lag < LEAVE
            assert now_s - low_s >= HOLD_S


@given(st.lists(st.integers(LEAVE, ENTER - 1), max_size=50))
def test_between_the_two_lags_nothing_changes(lags: list[int]) -> None:
    """In neither mode, however long."""
    for wish in (Wish.NOTHING, Wish.ENTER):
        machine = ModeMachine(RULES)
        machine.wish(wish)
        mode = machine.look(LEAVE, 0.0)
        for n, lag in enumerate(lags):
            assert machine.look(lag, 100.0 * n) is mode


def test_it_enters_at_the_lag_and_leaves_after_the_hold_time() -> None:
    """One look with more begins the hold time anew."""
    machine = ModeMachine(RULES)
    assert machine.look(ENTER - 1, 0) is Mode.NORMAL
    assert machine.look(ENTER, 1) is Mode.CATCHING_UP
    assert machine.look(LEAVE - 1, 10) is Mode.CATCHING_UP
    assert machine.look(LEAVE, 15) is Mode.CATCHING_UP
    assert machine.look(0, 16) is Mode.CATCHING_UP
    assert machine.look(None, 30) is Mode.CATCHING_UP
    assert machine.look(0, 31) is Mode.CATCHING_UP
    assert machine.look(0, 41) is Mode.NORMAL


def test_who_was_told_to_leave_stays_so_until_the_lag_was_low_once() -> None:
    """Else the next look would undo what a person did."""
    machine = ModeMachine(RULES)
    machine.look(ENTER, 0)
    machine.wish(Wish.LEAVE)
    assert machine.look(ENTER, 1) is Mode.NORMAL
    assert machine.look(2 * ENTER, 2) is Mode.NORMAL
    machine.look(0, 3)
    assert machine.look(ENTER, 4) is Mode.CATCHING_UP
