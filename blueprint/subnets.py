"""Which addresses of a VPC are whose: decided once, by arithmetic, before there is a network.

The VPC is cut into four blocks: one for each of the three zones, and one that stays free. Of a
zone's block the first half is the fleets', the next quarter the nodes', the next eighth the
endpoints', and the last eighth stays free. Where something is follows from what it is and never
from what else there is, so nothing moves when a node, a zone or a purpose is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from blueprint.problem import BadInput, Problem
from blueprint.topology import Node, Role, Topology

#: Blocks of a VPC, as bits of prefix: three zones and one that stays free.
_ZONE_BITS = 2
#: AWS keeps the first four addresses of every subnet and the last one.
_FIRST_USABLE = 4
#: Offsets in the nodes' subnet: a controller and room for its successors, then brokers by rank.
_CONTROLLER_OFFSET, _FIRST_BROKER_OFFSET = _FIRST_USABLE, 8


class Purpose(StrEnum):
    """What a subnet is for; a game day cuts off the nodes' subnets and no other."""

    FLEETS = "fleets"
    NODES = "nodes"
    ENDPOINTS = "endpoints"


#: For each purpose its share of a zone's block, as bits of prefix, and which of these shares.
_SHARES = {Purpose.FLEETS: (1, 0), Purpose.NODES: (2, 2), Purpose.ENDPOINTS: (3, 6)}


@dataclass(frozen=True, slots=True)
class SubnetPlan:
    """The subnets of a VPC, by zone and purpose."""

    vpc: IPv4Network
    subnets: Mapping[tuple[str, Purpose], IPv4Network]

    def of(self, zone: str, purpose: Purpose) -> IPv4Network:
        """The one subnet of a zone for a purpose."""
        return self.subnets[zone, purpose]


def subnet_plan(vpc: IPv4Network, zones: tuple[str, ...]) -> SubnetPlan:
    """Cut a VPC into subnets.

    Raises:
        BadInput: There are more zones than blocks.
    """
    blocks = 1 << _ZONE_BITS
    if len(zones) > blocks:
        raise BadInput([Problem("zones", str(len(zones)), f"at most {blocks} in one VPC")])
    return SubnetPlan(
        vpc,
        {
            (zone, purpose): _part(_part(vpc, _ZONE_BITS, index), *_SHARES[purpose])
            for index, zone in enumerate(zones)
            for purpose in Purpose
        },
    )


def node_addresses(plan: SubnetPlan, topology: Topology) -> dict[int, IPv4Address]:
    """For each node id its address, which it keeps for life.

    Raises:
        BadInput: A zone has more brokers than addresses.
    """
    found = {}
    for zone in topology.zones:
        subnet = plan.of(zone, Purpose.NODES)
        room = subnet.num_addresses - 1 - _FIRST_BROKER_OFFSET
        brokers = [node for node in topology.in_zone(zone) if node.role is Role.BROKER]
        if len(brokers) > room:
            given = f"{plan.vpc}, which has room for {room} brokers in each zone"
            legal = f"a network with room for {len(brokers)}"
            raise BadInput([Problem("aws.vpc_cidr", given, legal)])
        for node in topology.in_zone(zone):
            found[node.id] = subnet[_offset(node, brokers)]
    return found


def _offset(node: Node, brokers: list[Node]) -> int:
    if node.role is Role.CONTROLLER:
        return _CONTROLLER_OFFSET
    return _FIRST_BROKER_OFFSET + brokers.index(node)


def _part(network: IPv4Network, bits: int, index: int) -> IPv4Network:
    """The part with this index of a network that is cut into equal ones."""
    length = network.prefixlen + bits
    first = int(network.network_address) + index * (1 << (network.max_prefixlen - length))
    return IPv4Network((first, length))
