"""What the default profile tolerates: half a second of stall, 200 ms of latency."""

import time
from collections.abc import Iterator

import pytest

from bench.zone import controller_zone, drop_topic, leadership, links_of, make_topic
from lab.cluster import Lab

pytestmark = pytest.mark.cluster

STALL_S = 0.5
LATENCY_MS = 200.0
WATCHED_S = 4.0
TOPIC = "watched-for-stalls"


@pytest.fixture(autouse=True)
def watched_topic(lab: Lab) -> Iterator[None]:
    """Leaders to watch: six partitions over the three brokers."""
    make_topic(lab, TOPIC, 6)
    yield
    drop_topic(lab, TOPIC)


def watch(lab: Lab, before: tuple[object, ...]) -> None:
    """Nothing changes for longer than any time-out of the profile."""
    until = time.monotonic() + WATCHED_S
    while time.monotonic() < until:
        assert leadership(lab, TOPIC) == before


@pytest.mark.parametrize("zone", ["a", "b", "c"])
@pytest.mark.quiet
def test_a_stall_of_half_a_second_moves_nothing(lab: Lab, zone: str) -> None:
    """All of one broker's and controller's links, both directions, in every zone."""
    links = links_of(lab, zone)
    assert len(links) == 12
    before = leadership(lab, TOPIC)
    lab.on_links(links, lambda link: link.stall())
    time.sleep(STALL_S)  # the stall itself
    lab.heal_links(links)
    watch(lab, before)


@pytest.mark.quiet
def test_two_hundred_milliseconds_of_latency_move_nothing(lab: Lab) -> None:
    """Every link of one zone, quorum included."""
    zone = controller_zone(lab)
    links = links_of(lab, zone)
    before = leadership(lab, TOPIC)
    lab.on_links(links, lambda link: link.latency(LATENCY_MS))
    try:
        watch(lab, before)
    finally:
        lab.heal_links(links)
    watch(lab, before)
