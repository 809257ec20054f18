"""A buffer never takes more than it may, and its state says what its callers feel."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.buffer import Admission, Buffer, BufferBounds, BufferState, FullPolicy

BOUNDS = BufferBounds(records=5, bytes=100, reopen=0.6)
#: A record of a size comes, or the oldest under way (0) is answered.
happenings = st.lists(st.integers(0, 60), max_size=80)


@given(st.sampled_from(FullPolicy), happenings)
def test_it_stays_within_its_bounds_and_flows_again(policy: FullPolicy, sizes: list[int]) -> None:
    """Only a record that is alone may be larger; what waits or is handed back was never counted."""
    buffer, under_way = Buffer(BOUNDS, policy), list[int]()
    for size in sizes:
        if size == 0:
            if under_way:
                buffer.ended(under_way.pop(0), 0)
            continue
        admission = buffer.admit(size, 0)
        if admission is Admission.SEND:
            buffer.sent(size)
            under_way.append(size)
        else:
            assert admission.value == {"block": "wait"}.get(policy.value, policy.value)
            assert buffer.state is not BufferState.FLOWING
        assert (buffer.records, buffer.bytes) == (len(under_way), sum(under_way))
        assert len(under_way) <= BOUNDS.records
        assert sum(under_way) <= BOUNDS.bytes or len(under_way) == 1
    while under_way:
        buffer.ended(under_way.pop(), 0)
    assert buffer.state is BufferState.FLOWING


def test_nothing_passes_what_is_on_disk() -> None:
    """However much room there is in memory."""
    buffer = Buffer(BOUNDS, FullPolicy.SPILL, spilled=3)
    assert buffer.state is BufferState.SPILLING
    assert buffer.admit(1, spilled=3) is Admission.SPILL
    assert buffer.state is BufferState.SPILLING
    assert not buffer.settle(spilled=1)
    assert buffer.settle(spilled=0)
    assert buffer.admit(1, spilled=0) is Admission.SEND


def test_nobody_passes_who_waits_for_room() -> None:
    """Until it flows again, below its lower bound."""
    buffer = Buffer(BOUNDS, FullPolicy.BLOCK)
    for _ in range(5):
        assert buffer.admit(1, 0) is Admission.SEND
        buffer.sent(1)
    assert buffer.admit(1, 0) is Admission.WAIT
    assert not buffer.ended(1, 0)
    assert buffer.admit(1, 0) is Admission.WAIT
    assert buffer.ended(1, 0)
    assert buffer.admit(1, 0) is Admission.SEND
