"""Which loopback address every node and link of a lab has.

A lab owns 127.N.0.0/16. A node of zone z (1, 2, 3) is at 127.N.z.x; seen from zone s through its
link it is at 127.N.(10*s + z).x. Ports are the same everywhere, so the settings are too.
"""

from dataclasses import dataclass

from blueprint.broker_settings import listener_names
from blueprint.listeners import (
    CONTROLLER,
    REPLICATION,
    ClusterAddresses,
    Endpoint,
    NodeAddresses,
    Ports,
    client_listener,
)
from blueprint.topology import Link, Node, Plane, Role, Topology

#: The second octets labs may have; 127.0 is the machine's own.
FIRST_SLOT, LAST_SLOT = 10, 199
#: Controllers' last octets are kept apart from the brokers'.
_FIRST_CONTROLLER_OCTET = 101
TOXIPROXY_API_PORT = 8474


@dataclass(frozen=True, slots=True)
class LabAddresses:
    """The addresses of one lab: ``slot`` is N above."""

    topology: Topology
    slot: int
    ports: Ports

    def host(self, node: Node) -> str:
        """Where a node really listens."""
        return self._address(self._number(node.zone), node)

    def host_from(self, zone: str, node: Node) -> str:
        """Where a zone reaches a node: the node itself, or the link that leads to it."""
        if zone == node.zone:
            return self.host(node)
        return self._address(10 * self._number(zone) + self._number(node.zone), node)

    def names(self, node: Node) -> tuple[str, ...]:
        """Everything a node is called by whoever connects to it, from its own zone or another."""
        return (node.name, *(self.host_from(zone, node) for zone in self.topology.zones))

    def api(self, zone: str) -> Endpoint:
        """The toxiproxy API of the links that start in a zone."""
        return Endpoint(f"127.{self.slot}.{self._number(zone)}.200", TOXIPROXY_API_PORT)

    def listen(self, link: Link) -> Endpoint:
        """Where a link is entered."""
        host = self.host_from(link.source_zone, link.node)
        return Endpoint(host, self.ports.of(listener_of(link)))

    def upstream(self, link: Link) -> Endpoint:
        """Where a link leads."""
        return Endpoint(self.host(link.node), self.ports.of(listener_of(link)))

    def hosts_file(self, zone: str) -> str:
        """The names of all nodes as one zone's JVMs resolve them."""
        lines = [f"{self.host_from(zone, node)} {node.name}" for node in self.topology.nodes]
        return "\n".join(["127.0.0.1 localhost", *lines]) + "\n"

    def bootstrap(self, zone: str) -> str:
        """The bootstrap servers of a zone's clients, each through the zone's own links."""
        port = self.ports.of(client_listener(zone))
        return ",".join(f"{self.host_from(zone, node)}:{port}" for node in self.topology.brokers)

    def cluster(self) -> ClusterAddresses:
        """What the settings' renderer needs to know."""
        quorum = (Endpoint(node.name, self.ports.controller) for node in self.topology.controllers)
        return ClusterAddresses(
            ports=self.ports,
            nodes={node.id: self._node(node) for node in self.topology.nodes},
            controller_bootstrap=tuple(quorum),
        )

    def _node(self, node: Node) -> NodeAddresses:
        advertised = {
            name: Endpoint(self._advertised_host(name, node), self.ports.of(name))
            for name in listener_names(self.topology, node)
        }
        return NodeAddresses(self.host(node), advertised)

    def _advertised_host(self, listener: str, node: Node) -> str:
        # Other JVMs resolve a name by their own zone's hosts file; clients have no such file, so
        # each zone has a listener that advertises that zone's links.
        if listener in (REPLICATION, CONTROLLER):
            return node.name
        zone = next(z for z in self.topology.zones if client_listener(z) == listener)
        return self.host_from(zone, node)

    def _number(self, zone: str) -> int:
        return self.topology.zones.index(zone) + 1

    def _address(self, third: int, node: Node) -> str:
        first = _FIRST_CONTROLLER_OCTET if node.role is Role.CONTROLLER else 1
        alike = [n for n in self.topology.nodes if (n.zone, n.role) == (node.zone, node.role)]
        return f"127.{self.slot}.{third}.{first + alike.index(node)}"


def listener_of(link: Link) -> str:
    """The listener that a link's traffic enters."""
    if link.plane is Plane.CLIENT:
        return client_listener(link.source_zone)
    return REPLICATION if link.plane is Plane.REPLICATION else CONTROLLER
