"""The shape of the cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.problem import BadInput
from blueprint.topology import ZONES, Plane, Role, placed, three_zones


@given(st.integers(1, 33))
def test_every_zone_has_its_brokers_and_one_controller(brokers_per_zone: int) -> None:
    """Nodes are spread evenly, with ids that never collide."""
    topology = three_zones(brokers_per_zone)
    assert len({node.id for node in topology.nodes}) == len(topology.nodes)
    for zone in ZONES:
        roles = [node.role for node in topology.in_zone(zone)]
        assert roles.count(Role.BROKER) == brokers_per_zone
        assert roles.count(Role.CONTROLLER) == 1


@given(st.integers(1, 33))
def test_links_are_exactly_the_traffic_that_crosses_zones(brokers_per_zone: int) -> None:
    """One link per plane, source zone and foreign node, each with a name of its own."""
    topology = three_zones(brokers_per_zone)
    links = topology.links()
    assert len({link.name for link in links}) == len(links)
    assert all(link.source_zone != link.node.zone for link in links)
    foreign = 2 * len(topology.nodes)
    assert len({(link.source_zone, link.node.id) for link in links}) == foreign
    quorum = [link for link in links if link.plane is Plane.QUORUM]
    assert {link.node.role for link in quorum} == {Role.CONTROLLER}


@pytest.mark.parametrize("brokers_per_zone", [-1, 0, 335])
def test_impossible_numbers_of_brokers_are_refused(brokers_per_zone: int) -> None:
    """The refusal names what was given and what is legal."""
    with pytest.raises(BadInput, match=rf"got {brokers_per_zone}; legal: 1 to 334"):
        three_zones(brokers_per_zone)


def test_an_unknown_node_or_zone_is_refused_with_the_known_ones() -> None:
    """A typo is answered with the names there are."""
    topology = three_zones()
    with pytest.raises(BadInput, match="legal: 1, 2, 3, 101, 102, 103"):
        topology.node(4)
    with pytest.raises(BadInput, match="legal: a, b, c"):
        topology.in_zone("d")


def test_nodes_stand_where_they_are_placed() -> None:
    """One in each zone is the ordinary cluster; ids follow the order."""
    assert placed(ZONES, ZONES) == three_zones()
    uneven = placed(("a", "a", "b", "c"), ("c", "c", "c"))
    assert [(node.id, node.zone) for node in uneven.brokers] == [
        (1, "a"),
        (2, "a"),
        (3, "b"),
        (4, "c"),
    ]
    assert [(node.id, node.zone) for node in uneven.controllers] == [
        (101, "c"),
        (102, "c"),
        (103, "c"),
    ]


@pytest.mark.parametrize(
    ("brokers", "controllers", "said"),
    [
        ("ab", "abc", "broker_zones"),
        ("abd", "abc", "broker_zones"),
        ("abcabcabca", "abc", "broker_zones"),
        ("abc", "ab", "controller_zones"),
        ("abc", "abd", "controller_zones"),
        ("", "", "controller_zones"),
    ],
)
def test_what_cannot_be_placed_is_refused(brokers: str, controllers: str, said: str) -> None:
    """Every zone has a broker, and the controllers are as many as can have a majority."""
    with pytest.raises(BadInput, match=said):
        placed(tuple(brokers), tuple(controllers))
