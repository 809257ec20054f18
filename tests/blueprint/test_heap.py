"""The heap of a node."""

from hypothesis import given
from hypothesis import strategies as st

from blueprint.heap import heap_mib
from blueprint.topology import Role


@given(memory_mib=st.integers(1024, 1 << 20), role=st.sampled_from(Role))
def test_the_page_cache_has_at_least_as_much_as_the_heap(memory_mib: int, role: Role) -> None:
    """Never more than 6 GiB; of a broker's memory never more than a quarter."""
    heap = heap_mib(role, memory_mib)
    assert heap <= min(6144, memory_mib // 2)
    assert role is Role.CONTROLLER or heap <= memory_mib // 4
