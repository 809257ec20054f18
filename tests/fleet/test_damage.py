"""The end of what is damaged is found by asking a few offsets."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.damage import first_beyond


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
