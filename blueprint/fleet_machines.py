"""The machines that fleets run on where a cluster is made for them: sized from what pods ask for.

With a zone lost the other two carry every pod: half of each fleet, one more while it is deployed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from blueprint.fleets import FleetSpec
from blueprint.machine_types import MACHINE_TYPES, MachineType
from blueprint.problem import BadInput, Problem

#: Of the suite that runs a game day: the load, the readers and the judge of one run.
GAME_DAY_CPU_MILLIS, GAME_DAY_MEMORY_MIB = 2000, 2048
#: For the kubelet, the system and the add-ons' own pods on each machine. An assumption on the safe
#: side of what EKS keeps back and of what its add-ons ask for.
_KEPT_CPU_MILLIS, _KEPT_MEMORY_MIB = 500, 2048
_GIB_PER_CPU = 4
_SURVIVING_ZONES = 2
_SMALLEST = 1


@dataclass(frozen=True, slots=True, order=True)
class PodRequest:
    """What one pod asks for."""

    cpu_millis: int
    memory_mib: int

    def fits(self, room: "PodRequest") -> bool:
        """Whether there is room for it."""
        return self.cpu_millis <= room.cpu_millis and self.memory_mib <= room.memory_mib


@dataclass(frozen=True, slots=True)
class FleetMachines:
    """What is bought: in each zone so many now, and the most that fleets may ever ask for."""

    machine: MachineType
    per_zone: int
    most_per_zone: int


def fleet_machines(fleets: Sequence[FleetSpec], game_day: bool) -> FleetMachines:
    """The machines of the smallest type that takes the largest pod.

    Raises:
        BadInput: A fleet's pod fits no machine; every such fleet at once.
    """
    suite = [PodRequest(GAME_DAY_CPU_MILLIS, GAME_DAY_MEMORY_MIB)] if game_day else []
    _refuse_giants(fleets)
    largest = [*suite, *map(_request, fleets)]
    machine = next(
        one for one in MACHINE_TYPES[_SMALLEST:] if all(pod.fits(room(one)) for pod in largest)
    )
    now, most = list(suite), list(suite)
    for fleet in fleets:
        now += [_request(fleet)] * _in_a_zone(fleet.instances)
        most += [_request(fleet)] * _in_a_zone(fleet.most_instances)
    per_zone = machines_for(now, room(machine))
    return FleetMachines(machine, per_zone, max(per_zone, machines_for(most, room(machine))))


def room(machine: MachineType) -> PodRequest:
    """What a machine has for pods."""
    return PodRequest(
        machine.memory_gib // _GIB_PER_CPU * 1000 - _KEPT_CPU_MILLIS,
        machine.memory_gib * 1024 - _KEPT_MEMORY_MIB,
    )


def machines_for(pods: Iterable[PodRequest], each: PodRequest) -> int:
    """Machines that hold all of these pods, filled one after the other; one at least."""
    count, cpu_millis, memory_mib = 1, 0, 0
    for pod in sorted(pods, reverse=True):
        cpu_millis, memory_mib = cpu_millis + pod.cpu_millis, memory_mib + pod.memory_mib
        if not PodRequest(cpu_millis, memory_mib).fits(each):
            count, cpu_millis, memory_mib = count + 1, pod.cpu_millis, pod.memory_mib
    return count


def _in_a_zone(instances: int) -> int:
    return ceil((instances + 1) / _SURVIVING_ZONES)


def _request(fleet: FleetSpec) -> PodRequest:
    return PodRequest(fleet.cpu_millis, fleet.memory_mib)


def _refuse_giants(fleets: Sequence[FleetSpec]) -> None:
    most = room(MACHINE_TYPES[-1])
    giants = [fleet for fleet in fleets if not _request(fleet).fits(most)]
    if giants:
        legal = f"at most {most.cpu_millis} and {most.memory_mib}: {MACHINE_TYPES[-1].name}"
        remedy = "more instances with fewer lanes each"
        raise BadInput(
            Problem(
                f"quorate:fleets.{fleet.name}: cpu_millis and memory_mib",
                f"{fleet.cpu_millis} and {fleet.memory_mib}",
                legal,
                remedy,
            )
            for fleet in giants
        )
