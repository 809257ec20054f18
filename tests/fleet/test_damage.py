"""The end of what is damaged is found by asking a few offsets."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.damage import first_beyond
from fleet.watermark import Range, Watermark


@given(st.integers(0, 1 << 40), st.integers(1, 1 << 20))
def test_it_is_the_first_offset_that_is_not_inside(first: int, width: int) -> None:
    """With a number of questions that grows as the logarithm of what is damaged."""
    asked = []

    def inside(offset: int) -> bool:
        asked.append(offset)
        return first <= offset < first + width

    assert first_beyond(first, inside) == first + width
    assert len(asked) <= 2 * width.bit_length() + 2
    assert all(offset >= first for offset in asked)


def test_a_lease_that_begins_before_done_ranges_reads_on_behind_them() -> None:
    """Only where they touch: what is between is read."""
    watermark = Watermark(10, (Range(10, 20), Range(20, 30), Range(40, 50)))
    assert watermark.resume_at() == 30
    assert watermark.position() == 30
    assert watermark.unseen(range(30, 55)) == [*range(30, 40), *range(50, 55)]
