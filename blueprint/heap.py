"""How much of a node's memory is the heap of its Kafka."""

from blueprint.topology import Role

#: Beyond 6 GiB of heap a broker gains nothing: the page cache is what serves consumers.
_MOST_MIB = 6 * 1024
#: One part in so many. A controller caches no log: half of its memory may be heap.
_SHARE = {Role.BROKER: 4, Role.CONTROLLER: 2}


def heap_mib(role: Role, memory_mib: int) -> int:
    """Of a node with so much memory for itself."""
    return min(_MOST_MIB, memory_mib // _SHARE[role])
