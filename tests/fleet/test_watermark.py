"""A watermark never passes what is not done, and what it says travels with the commit."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.done_ranges import MOST_BYTES, decode, encode
from fleet.watermark import SPARSE_WIDTH, Range, Span, Watermark

#: Rising offsets, mostly dense, now and then with wide holes.
steps = st.lists(st.one_of(st.just(1), st.integers(1, 4), st.just(5 * SPARSE_WIDTH)), max_size=60)


def rising(first: int, gaps: list[int]) -> list[int]:
    """Offsets from their distances."""
    found: list[int] = []
    at = first
    for gap in gaps:
        found.append(at)
        at += gap
    return found


def chunks(offsets: list[int], sizes: list[int]) -> list[list[int]]:
    """Offsets as several polls return them."""
    found: list[list[int]] = []
    while offsets:
        size = sizes[len(found) % len(sizes)]
        found.append(offsets[:size])
        offsets = offsets[size:]
    return found


@given(steps, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_the_position_is_the_lowest_offset_not_done(
    gaps: list[int], sizes: list[int], data: st.DataObject
) -> None:
    """In whatever order records are done, and whatever holes the log has."""
    offsets = rising(100, gaps)
    watermark, spans = Watermark(100), dict[int, Span]()
    for chunk in chunks(offsets, sizes):
        spans |= dict.fromkeys(chunk, watermark.deliver(chunk))
    order = data.draw(st.permutations(offsets))
    done: set[int] = set()
    for offset in order:
        spans[offset].marks[offset - spans[offset].first] = 1
        done.add(offset)
        missing = [o for o in offsets if o not in done]
        expected = missing[0] if missing else offsets[-1] + 1
        assert watermark.position() == expected
        above = watermark.done_above(expected)
        assert above == sorted(above)
        assert all(not any(r.first <= o < r.end for r in above) for o in missing)
        assert all(any(r.first <= o < r.end for r in above) for o in done if o > expected)


@given(steps, st.sets(st.integers(0, 59)), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_the_next_member_does_only_what_was_not_done(
    gaps: list[int], chosen: set[int], sizes: list[int]
) -> None:
    """Position and ranges of one snapshot, written and read back, leave exactly the rest."""
    offsets = rising(7, gaps)
    watermark, done = Watermark(7), {offsets[n] for n in chosen if n < len(offsets)}
    for chunk in chunks(offsets, sizes):
        span = watermark.deliver(chunk)
        for offset in set(chunk) & done:
            span.marks[offset - span.first] = 1
    position = watermark.position()
    assert position is not None
    metadata = encode(position, watermark.done_above(position))
    after = Watermark(position, decode(position, metadata))
    again = []
    for chunk in chunks([o for o in offsets if o >= position], sizes):
        new = after.unseen(chunk)
        if new:
            after.deliver(new)
        after.skip_to(chunk[-1] + 1)
        again += new
    assert again == [o for o in offsets if o not in done]


def test_nothing_is_committed_before_anything_was_read() -> None:
    """A partition without a committed offset has no position until its first record."""
    watermark = Watermark(None)
    assert watermark.position() is None
    span = watermark.deliver([50, 51])
    assert watermark.position() == 50
    span.marks[0] = 1
    assert watermark.position() == 51


def test_what_was_deleted_before_it_was_read_counts_as_done_and_what_was_read_does_not() -> None:
    """A jump over a gap does not pass a record that a lane still has."""
    watermark = Watermark(10)
    span = watermark.deliver([10, 11])
    watermark.skip_to(500)
    assert watermark.position() == 10
    span.marks[0] = span.marks[1] = 1
    assert watermark.position() == 500


@given(
    st.integers(0, 1 << 50), st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 1 << 20)))
)
def test_metadata_is_bounded_and_what_fits_is_read_back(
    position: int, pairs: list[tuple[int, int]]
) -> None:
    """A prefix of the ranges, never anything that was not done."""
    ranges, at = [], position
    for gap, width in pairs:
        ranges.append(Range(at + gap, at + gap + width))
        at += gap + width
    metadata = encode(position, ranges)
    assert len(metadata) <= MOST_BYTES
    found = list(decode(position, metadata))
    assert found == ranges[: len(found)]
    assert len(found) == len(ranges) or len(metadata) > MOST_BYTES - 30


@given(st.text(max_size=100))
def test_metadata_that_is_not_ours_means_nothing(text: str) -> None:
    """Whatever stands there, nothing is skipped for it."""
    assert list(decode(0, text)) == []
    for broken in ("", "AAA", "gA==", "AAA=", "****"):
        assert list(decode(0, "quorate-done-1:" + broken)) == []
