"""Keys go where Kafka's own producer puts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.workload.partitioning import key_into, murmur2, partition_of

#: Of Kafka's own tests of ``Utils.murmur2``, with a sign.
KNOWN = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize("said", KNOWN)
def test_the_hash_is_kafkas(said: str) -> None:
    """To the bit."""
    assert murmur2(said.encode()) == KNOWN[said] % 2**32


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_a_key_is_found_for_each_partition(asked: tuple[int, int]) -> None:
    """Whatever their number."""
    partition, partitions = asked
    assert partition_of(key_into(partition, partitions), partitions) == partition
