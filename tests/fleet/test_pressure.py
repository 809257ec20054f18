"""The gate closes at its bounds, reopens lower, and pauses only what lasts."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.pressure import Bounds, Flow, Gate, Load

BOUNDS = Bounds(records=100, bytes=10_000, reopen=0.5, pause_after_s=1.0)
loads = st.builds(Load, st.integers(0, 300), st.integers(0, 30_000))


@given(st.lists(st.tuples(loads, st.floats(0, 2)), max_size=60))
def test_it_is_never_open_at_a_bound_and_never_closed_below_the_lower_one(
    looks: list[tuple[Load, float]],
) -> None:
    """Whatever the load does."""
    gate, now_s = Gate(BOUNDS), 0.0
    for load, step_s in looks:
        now_s += step_s
        flow = gate.decide(load, now_s)
        full = load.records >= 100 or load.bytes >= 10_000
        low = load.records <= 50 and load.bytes <= 5_000
        assert not (full and flow is Flow.OPEN)
        assert not (low and flow is not Flow.OPEN)
        assert gate.room(load, 1.0) <= max(1, 100 - load.records)
        assert (gate.room(load, 1.0) > 0) == (flow is Flow.OPEN)


def test_a_short_fullness_is_waited_out_and_a_long_one_pauses() -> None:
    """Between the bounds nothing changes."""
    gate, full, between, low = Gate(BOUNDS), Load(100, 0), Load(70, 0), Load(50, 0)
    seen = [
        gate.decide(load, now_s)
        for load, now_s in (
            (full, 0),
            (between, 0.9),
            (low, 0.95),
            (full, 2),
            (between, 3.1),
            (low, 9),
        )
    ]
    assert [flow.value for flow in seen] == [
        "holding",
        "holding",
        "open",
        "holding",
        "paused",
        "open",
    ]


def test_room_is_what_bytes_allow_for_records_of_the_size_seen() -> None:
    """One record may always be asked for while open: how large it is, only reading it shows."""
    gate = Gate(BOUNDS)
    assert gate.room(Load(0, 0), 1000.0) == 10
    assert gate.room(Load(0, 9_999), 1000.0) == 1
