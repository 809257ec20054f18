"""Machines of the fleets: what is bought holds what was asked for."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.fleet_machines import PodRequest, fleet_machines, machines_for, room
from blueprint.fleets import FleetSpec
from blueprint.machine_types import MACHINE_TYPES
from blueprint.problem import BadInput

EACH = room(MACHINE_TYPES[1])
PODS = st.lists(
    st.builds(PodRequest, st.integers(50, EACH.cpu_millis), st.integers(64, EACH.memory_mib)),
    max_size=40,
)


def fleet(instances: int, cpu_millis: int = 1000, most: int = 48) -> FleetSpec:
    """A fleet of so many."""
    return FleetSpec(
        name="billing",
        image="billing:1",
        consumes=("orders",),
        produces=(),
        instances=instances,
        most_instances=most,
        threads=16,
        drain_deadline_s=30,
        cpu_millis=cpu_millis,
        memory_mib=512,
    )


def test_the_example_fits_with_a_zone_lost() -> None:
    """Nine pods of one CPU and a game day of two: one m7g.xlarge in each zone was too little."""
    made = fleet_machines([fleet(9)], game_day=True)
    assert (made.machine.name, made.per_zone) == ("m7g.xlarge", 3)
    assert made.most_per_zone > made.per_zone


@given(PODS)
def test_all_pods_find_room_and_little_is_wasted(pods: list[PodRequest]) -> None:
    """At least what their sum takes, and never more than a machine for each."""
    count = machines_for(pods, EACH)
    assert count >= ceil(sum(pod.cpu_millis for pod in pods) / EACH.cpu_millis)
    assert count >= ceil(sum(pod.memory_mib for pod in pods) / EACH.memory_mib)
    assert count <= max(1, len(pods))


@given(st.integers(1, 200), st.integers(1, 200))
def test_more_instances_never_take_fewer_machines(instances: int, more: int) -> None:
    """And what a fleet may grow to is never below what it begins with."""
    few = fleet_machines([fleet(instances)], game_day=False)
    many = fleet_machines([fleet(instances + more)], game_day=False)
    assert few.per_zone <= many.per_zone
    assert few.most_per_zone >= few.per_zone


def test_a_large_pod_takes_a_large_machine_and_a_giant_is_refused() -> None:
    """With what is legal."""
    assert fleet_machines([fleet(3, 6000)], game_day=False).machine.name == "m7g.2xlarge"
    with pytest.raises(BadInput, match=r"billing: cpu_millis.*at most 63500"):
        fleet_machines([fleet(3, 64_000)], game_day=False)
