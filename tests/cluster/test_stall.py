"""What the default profile tolerates: half a second of stall, 200 ms of latency."""

import time

import pytest

from blueprint.topology import Role
from chaos.quorum import await_active_controller, controllers
from chaos.wire import metadata
from lab.cluster import Lab

pytestmark = pytest.mark.cluster

STALL_S = 0.5
LATENCY_MS = 200.0
WATCHED_S = 4.0
TOPIC = "__consumer_offsets"


def state(lab: Lab) -> tuple[object, ...]:
    """Leaders with their epochs, unfenced brokers, the active controller with its epoch."""
    broker = next(node for node in lab.outputs.nodes if node.role is Role.BROKER)
    seen = metadata(broker.host, broker.port, TOPIC, 5)
    leaders = tuple((p.partition, p.leader, p.epoch) for p in seen.partitions)
    quorum = await_active_controller(controllers(lab.outputs))
    return leaders, seen.brokers, quorum


def watch(lab: Lab, before: tuple[object, ...]) -> None:
    """Nothing changes for longer than any time-out of the profile."""
    until = time.monotonic() + WATCHED_S
    while time.monotonic() < until:
        assert state(lab) == before


@pytest.mark.parametrize("zone", ["a", "b", "c"])
def test_a_stall_of_half_a_second_moves_nothing(lab: Lab, zone: str) -> None:
    """All of one broker's and controller's links, both directions, in every zone."""
    links = [name for link in lab.links() if zone in _zones(lab, name := link.name)]
    assert len(links) == 12
    before = state(lab)
    lab.on_links(links, lambda link: link.stall())
    time.sleep(STALL_S)  # the stall itself
    lab.heal_links(links)
    watch(lab, before)


def test_two_hundred_milliseconds_of_latency_move_nothing(lab: Lab) -> None:
    """Every link of one zone, quorum included."""
    zone = lab.plan.topology.node(await_active_controller(controllers(lab.outputs)).leader).zone
    links = [name for link in lab.links() if zone in _zones(lab, name := link.name)]
    before = state(lab)
    lab.on_links(links, lambda link: link.latency(LATENCY_MS))
    try:
        watch(lab, before)
    finally:
        lab.heal_links(links)
    watch(lab, before)


def _zones(lab: Lab, name: str) -> set[str]:
    link = next(link for link in lab.plan.topology.links() if link.name == name)
    return {link.source_zone, link.node.zone}
