"""The subnet plan of a VPC and the addresses of its nodes."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.problem import BadInput
from blueprint.subnets import Purpose, node_addresses, subnet_plan
from blueprint.topology import ZONES, three_zones

vpcs = st.builds(
    lambda prefix, block: IPv4Network((10 << 24 | block << 32 - prefix & 0xFFFFFF, prefix)),
    st.integers(16, 22),
    st.integers(0, 63),
)


@given(vpcs, st.integers(1, len(ZONES) + 1))
def test_subnets_are_disjoint_and_inside_the_vpc(vpc: IPv4Network, zones: int) -> None:
    """Whatever the VPC and however many zones."""
    subnets = list(subnet_plan(vpc, ("a", "b", "c", "d")[:zones]).subnets.values())
    assert len(subnets) == zones * len(Purpose)
    assert all(subnet.subnet_of(vpc) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


@given(vpcs)
def test_a_further_zone_moves_no_subnet(vpc: IPv4Network) -> None:
    """Where a subnet is does not depend on what else there is."""
    three, four = subnet_plan(vpc, ZONES), subnet_plan(vpc, (*ZONES, "d"))
    assert three.subnets.items() <= four.subnets.items()


@given(st.integers(1, 40), st.integers(1, 14))
def test_a_further_broker_moves_no_node(per_zone: int, more: int) -> None:
    """A node has an address of its own in its own zone, and keeps it while the cluster grows."""
    plan = subnet_plan(IPv4Network("10.0.0.0/22"), ZONES)
    topology = three_zones(per_zone)
    found = node_addresses(plan, topology)
    assert len(set(found.values())) == len(topology.nodes)
    for node in topology.nodes:
        subnet = plan.of(node.zone, Purpose.NODES)
        kept_by_aws = {*list(subnet)[:4], subnet.broadcast_address}
        assert found[node.id] in set(subnet) - kept_by_aws
    assert found.items() <= node_addresses(plan, three_zones(per_zone + more)).items()


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    """More brokers than addresses, more zones than blocks."""
    narrow = subnet_plan(IPv4Network("10.0.0.0/22"), ZONES)
    with pytest.raises(BadInput, match=r"room for 55 brokers.*room for 56"):
        node_addresses(narrow, three_zones(56))
    with pytest.raises(BadInput, match="at most 4"):
        subnet_plan(narrow.vpc, tuple("abcde"))


def test_a_thousand_brokers_fit_into_the_widest_vpc() -> None:
    """The largest cluster that a plan can ask for."""
    plan = subnet_plan(IPv4Network("10.20.0.0/16"), ZONES)
    assert len(node_addresses(plan, three_zones(334))) == 3 * 335
