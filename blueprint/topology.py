"""Zones, nodes and the links between zones: the shape of a cluster."""

from dataclasses import dataclass
from enum import StrEnum

from blueprint.problem import BadInput, Problem

ZONES = ("a", "b", "c")

#: Controllers are numbered from here so that a log line tells the two roles apart. The hundred is
#: theirs alone: brokers go on behind it, so that no node's id changes while a cluster grows.
FIRST_CONTROLLER_ID = 101
_CONTROLLER_IDS = range(100, 200)
#: A thousand brokers; beyond it a demand wants several clusters.
MOST_BROKERS_PER_ZONE = 334
#: What one machine starts side by side.
MOST_PLACED_BROKERS = 9


class Role(StrEnum):
    """What a node does. Combined mode is not offered: it is not for production."""

    BROKER = "broker"
    CONTROLLER = "controller"


class Plane(StrEnum):
    """Which traffic a link carries."""

    CLIENT = "client"
    REPLICATION = "replication"
    QUORUM = "quorum"


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """One Kafka process: ``id`` is its node.id, ``zone`` its broker.rack."""

    id: int
    role: Role
    zone: str

    @property
    def name(self) -> str:
        """The host name other nodes use: ``broker-1``, ``controller-101``."""
        return f"{self.role.value}-{self.id}"


@dataclass(frozen=True, slots=True)
class Link:
    """The traffic of one plane from one zone to one node of another zone."""

    source_zone: str
    node: Node
    plane: Plane

    @property
    def name(self) -> str:
        """A name that is unique in the cluster: ``a-to-broker-2-client``."""
        return f"{self.source_zone}-to-{self.node.name}-{self.plane.value}"


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes of a cluster, spread over its zones."""

    zones: tuple[str, ...]
    nodes: tuple[Node, ...]

    @property
    def brokers(self) -> tuple[Node, ...]:
        """The brokers, by id."""
        return tuple(node for node in self.nodes if node.role is Role.BROKER)

    @property
    def controllers(self) -> tuple[Node, ...]:
        """The controllers, by id."""
        return tuple(node for node in self.nodes if node.role is Role.CONTROLLER)

    def node(self, node_id: int) -> Node:
        """Find a node by its id.

        Raises:
            BadInput: No node has that id.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        legal = ", ".join(str(node.id) for node in self.nodes)
        raise BadInput([Problem("node", str(node_id), legal)])

    def in_zone(self, zone: str) -> tuple[Node, ...]:
        """The nodes of one zone.

        Raises:
            BadInput: There is no such zone.
        """
        if zone not in self.zones:
            raise BadInput([Problem("zone", repr(zone), ", ".join(self.zones))])
        return tuple(node for node in self.nodes if node.zone == zone)

    def links(self) -> tuple[Link, ...]:
        """Every link that crosses zones: two to each broker, one to each controller."""
        planes = {Role.BROKER: (Plane.CLIENT, Plane.REPLICATION), Role.CONTROLLER: (Plane.QUORUM,)}
        return tuple(
            Link(zone, node, plane)
            for zone in self.zones
            for node in self.nodes
            if node.zone != zone
            for plane in planes[node.role]
        )


def three_zones(brokers_per_zone: int = 1) -> Topology:
    """A cluster over zones a, b and c with one dedicated controller in each.

    Raises:
        BadInput: ``brokers_per_zone`` is below 1 or above 334.
    """
    if not 1 <= brokers_per_zone <= MOST_BROKERS_PER_ZONE:
        legal = f"1 to {MOST_BROKERS_PER_ZONE}"
        raise BadInput([Problem("brokers_per_zone", str(brokers_per_zone), legal)])
    return _standing(ZONES * brokers_per_zone, ZONES)


def placed(broker_zones: tuple[str, ...], controller_zones: tuple[str, ...]) -> Topology:
    """A cluster whose nodes stand where they are told to, well or badly: for experiments alone.

    Args:
        broker_zones: The zone of each broker, by id.
        controller_zones: The zone of each controller, by id.

    Raises:
        BadInput: A zone has no broker, there is another zone, or no majority could be formed.
    """
    problems = []
    if set(broker_zones) != set(ZONES) or len(broker_zones) > MOST_PLACED_BROKERS:
        legal = f"3 to {MOST_PLACED_BROKERS} of {', '.join(ZONES)}, each at least once"
        problems.append(Problem("broker_zones", ", ".join(broker_zones), legal))
    if not set(controller_zones) <= set(ZONES) or len(controller_zones) not in (1, 3, 5):
        legal = f"1, 3 or 5 of {', '.join(ZONES)}"
        problems.append(Problem("controller_zones", ", ".join(controller_zones), legal))
    if problems:
        raise BadInput(problems)
    return _standing(broker_zones, controller_zones)


def _standing(broker_zones: tuple[str, ...], controller_zones: tuple[str, ...]) -> Topology:
    brokers = (Node(_broker_id(i), Role.BROKER, zone) for i, zone in enumerate(broker_zones))
    controllers = (
        Node(FIRST_CONTROLLER_ID + i, Role.CONTROLLER, zone)
        for i, zone in enumerate(controller_zones)
    )
    return Topology(ZONES, (*brokers, *controllers))


def _broker_id(count: int) -> int:
    first = _CONTROLLER_IDS.start - 1
    return count + 1 if count < first else count + 1 + len(_CONTROLLER_IDS)
