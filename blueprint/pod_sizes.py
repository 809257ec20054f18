"""How much of a planned machine a node's pod asks for, and how much of that is Kafka's heap."""

from dataclasses import dataclass

from blueprint.heap import heap_mib
from blueprint.machine_types import MachineType
from blueprint.topology import Role

#: What is left of a machine beside its own agents: a quarter is never promised to anybody, since
#: kubelet, kernel and the pods that run on every node take up to that of the smallest machine.
_SHARE = 0.75
#: Every planned machine has four times as much memory (GiB) as processors.
_GIB_PER_CPU = 4


@dataclass(frozen=True, slots=True)
class PodSize:
    """Of one pod.

    Attributes:
        cpu_millis: Asked for; it may take what else its host has.
        memory_mib: Asked for, and the limit.
        heap_mib: From the start to the end; the rest is page cache.
    """

    cpu_millis: int
    memory_mib: int
    heap_mib: int


def pod_size(role: Role, machine: MachineType) -> PodSize:
    """One pod on one machine of its own."""
    memory_mib = round(machine.memory_gib * 1024 * _SHARE)
    return PodSize(
        cpu_millis=round(machine.memory_gib / _GIB_PER_CPU * 1000 * _SHARE),
        memory_mib=memory_mib,
        heap_mib=heap_mib(role, memory_mib),
    )
