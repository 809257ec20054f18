"""Records that say who they are."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.payload import SMALLEST_BYTES, Encoder, Identity, decode, readable

IDENTITIES = {
    "run": st.integers(0, 2**32 - 1),
    "producer": st.integers(0, 9999),
    "partition": st.integers(0, 99_999),
    "sequence": st.integers(0, 10**12 - 1),
}


@given(**IDENTITIES, size=st.integers(SMALLEST_BYTES, 4096))
def test_a_record_says_who_it_is_at_exactly_its_size(
    run: int, producer: int, partition: int, sequence: int, size: int
) -> None:
    """Encoding and decoding are inverse, the size is as asked, and it is JSON."""
    value = Encoder(run, producer, size, seed=1).encode(partition, sequence)
    assert len(value) == size
    assert decode(value) == (Identity(run, producer, partition, sequence), True)
    said = readable(value)
    assert int(said["sequence"]) == sequence
    assert int(said["crc"], 16) == zlib.crc32(value[: -len(b'00000000"}')])


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """Any other byte anywhere leaves no intact record of the same identity."""
    value = Encoder(7, 1, 300, seed=2).encode(3, 4)
    at = data.draw(st.integers(0, len(value) - 3))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[at]))
    decoded = decode(value[:at] + bytes([other]) + value[at + 1 :])
    # An upper-case digit of the CRC says the same number.
    same_digit = value[at : at + 1].upper() == bytes([other])
    assert decoded is None or not decoded[1] or same_digit


@given(st.binary(max_size=400))
def test_any_bytes_can_be_looked_at(value: bytes) -> None:
    """What is no record has no identity, or one whose CRC does not hold."""
    decoded = decode(value)
    assert decoded is None or not decoded[1]


def test_a_record_too_small_for_its_identity_is_refused() -> None:
    """The smallest size is named."""
    with pytest.raises(ValueError, match=str(SMALLEST_BYTES)):
        Encoder(1, 1, SMALLEST_BYTES - 1, seed=1)


def test_records_are_json() -> None:
    """Anyone can read them."""
    assert json.loads(Encoder(1, 2, 1024, seed=3).encode(4, 5))["producer"] == "0002"
