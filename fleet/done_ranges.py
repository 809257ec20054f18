"""What is done above a committed offset, written into the commit's metadata.

A commit says one offset; with a record waiting for its next attempt, thousands above it may be
done. Their ranges travel with the commit so that the next member does not do them again. The text
is bounded, what does not fit is left out (and done again), and what cannot be read means nothing.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence

from fleet.watermark import Range

_MARK = "quorate-done-1:"
#: A broker takes 4,096 bytes of metadata (offset.metadata.max.bytes); a quarter of it is enough
#: for some 300 ranges, and the offsets topic keeps every commit's.
MOST_BYTES = 1024


def encode(position: int, done: Iterable[Range], most_bytes: int = MOST_BYTES) -> str:
    """Ranges above a position as text of at most ``most_bytes``; empty when there are none.

    Args:
        position: The offset of the same commit.
        done: In rising order, apart from each other, none of them below the position.
        most_bytes: Bound of the text.
    """
    room = (most_bytes - len(_MARK)) // 4 * 3
    packed, at = bytearray(), position
    for found in done:
        pair = _varint(found.first - at) + _varint(found.end - found.first)
        if len(packed) + len(pair) > room:
            break
        packed += pair
        at = found.end
    return _MARK + base64.b64encode(packed).decode() if packed else ""


def decode(position: int, metadata: str | None) -> Sequence[Range]:
    """The ranges of a commit; none when the metadata is someone else's or broken."""
    if not metadata or not metadata.startswith(_MARK):
        return ()
    try:
        return unpack(position, base64.b64decode(metadata[len(_MARK) :], validate=True))
    except (binascii.Error, ValueError):
        return ()


def pack(position: int, ranges: Iterable[Range]) -> bytes:
    """All of some ranges, in rising order, none below the position."""
    packed, at = bytearray(), position
    for found in ranges:
        packed += _varint(found.first - at) + _varint(found.end - found.first)
        at = found.end
    return bytes(packed)


def unpack(position: int, packed: bytes) -> list[Range]:
    """What ``pack`` has packed.

    Raises:
        ValueError: It is broken.
    """
    numbers = list(_numbers(packed))
    if len(numbers) % 2 or 0 in numbers[1::2]:
        raise ValueError("a range without an end")
    ranges, at = [], position
    for gap, width in zip(numbers[::2], numbers[1::2], strict=True):
        ranges.append(Range(at + gap, at + gap + width))
        at += gap + width
    return ranges


def _varint(number: int) -> bytes:
    packed = bytearray()
    while number >= 0x80:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("it ends in the middle of a number")
