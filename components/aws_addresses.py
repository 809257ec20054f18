"""What the nodes of a stack on AWS are called, and where each of their listeners is."""

from dataclasses import dataclass

from blueprint.broker_settings import listener_names
from blueprint.listeners import (
    CONTROLLER,
    ClusterAddresses,
    Endpoint,
    NodeAddresses,
    Ports,
    client_listener,
)
from blueprint.subnets import SubnetPlan, node_addresses
from blueprint.topology import Node, Role, Topology
from components.user_data import directory_id

#: Brokers of each zone in a bootstrap list: it is only for finding the others.
_BOOTSTRAP_PER_ZONE = 2


@dataclass(frozen=True, slots=True)
class AwsAddresses:
    """The addresses of one stack."""

    stack: str
    topology: Topology
    subnets: SubnetPlan
    ports: Ports

    @property
    def zone_name(self) -> str:
        """The private DNS zone."""
        return f"{self.stack}.quorate.internal"

    def host(self, node: Node) -> str:
        """The one name of a node, for nodes and clients of whichever zone."""
        return f"{node.name}.{self.zone_name}"

    def private_ips(self) -> dict[int, str]:
        """For each node id its address.

        Raises:
            BadInput: A zone has more brokers than addresses.
        """
        found = node_addresses(self.subnets, self.topology)
        return {node: str(address) for node, address in found.items()}

    def cluster(self) -> ClusterAddresses:
        """What the settings' renderer needs to know."""
        own = self.private_ips()
        return ClusterAddresses(
            ports=self.ports,
            nodes={
                node.id: NodeAddresses(
                    own[node.id],
                    {
                        name: Endpoint(self.host(node), self.ports.of(name))
                        for name in listener_names(self.topology, node)
                    },
                )
                for node in self.topology.nodes
            },
            controller_bootstrap=tuple(map(self.quorum_endpoint, self.topology.controllers)),
        )

    def quorum_endpoint(self, controller: Node) -> Endpoint:
        """Where a controller is reached."""
        return Endpoint(self.host(controller), self.ports.of(CONTROLLER))

    def endpoint(self, node: Node) -> Endpoint:
        """Where a node is reached from its own zone: a broker by its zone's client listener."""
        listener = CONTROLLER if node.role is Role.CONTROLLER else client_listener(node.zone)
        return Endpoint(self.host(node), self.ports.of(listener))

    def bootstrap(self, zone: str) -> str:
        """The bootstrap servers of a zone's clients: its own brokers first, then the others'."""
        port = self.ports.of(client_listener(zone))
        near = sorted(self._first_brokers(), key=lambda node: (node.zone != zone, node.id))
        return ",".join(f"{self.host(node)}:{port}" for node in near)

    def replication_bootstrap(self, node: Node) -> tuple[str, str]:
        """Where a node's own tools ask the node itself, and the cluster while it is away."""
        if node.role is Role.CONTROLLER:
            quorum = self.controller_bootstrap()
            return quorum, quorum
        port = self.ports.replication
        others = [one for one in self._first_brokers() if one != node]
        peers = ",".join(f"{self.host(one)}:{port}" for one in others)
        return f"{self.host(node)}:{port}", peers

    def controller_bootstrap(self) -> str:
        """The quorum."""
        return ",".join(str(self.quorum_endpoint(one)) for one in self.topology.controllers)

    def voters(self, cluster_id: str) -> str:
        """The first controllers of a cluster, as StorageTool takes them."""
        return ",".join(
            f"{one.id}@{self.quorum_endpoint(one)}:{directory_id(cluster_id, one)}"
            for one in self.topology.controllers
        )

    def _first_brokers(self) -> list[Node]:
        """Two of each zone, and always the same ones while a cluster grows."""
        return [
            node
            for zone in self.topology.zones
            for node in [one for one in self.topology.brokers if one.zone == zone][
                :_BOOTSTRAP_PER_ZONE
            ]
        ]
