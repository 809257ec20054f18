"""How Strimzi calls what it makes of a cluster, and where each of it is reached."""

from dataclasses import dataclass

from blueprint.listeners import Endpoint, Ports
from blueprint.topology import Node

#: Of the listener that fleets and clients use; Strimzi's own are below 9092.
CLIENT_LISTENER, CLIENT_PORT = "client", 9093
#: Where toxiproxy is told what to do; its own default.
TOXIPROXY_API_PORT = 8474
#: A link to a broker is listened to at this and the broker's id: ids end well below 1,200.
_FIRST_LINK_PORT = 20_000


@dataclass(frozen=True, slots=True)
class StrimziNames:
    """One cluster in one namespace.

    Attributes:
        cluster: The Kafka resource's name; every other begins with it.
    """

    cluster: str
    namespace: str

    @property
    def pods(self) -> str:
        """The label ``strimzi.io/name`` of every broker and controller."""
        return f"{self.cluster}-kafka"

    @property
    def authority_secret(self) -> str:
        """Its ``ca.crt`` signed the brokers' certificates; the operator makes and renews it."""
        return f"{self.cluster}-cluster-ca-cert"

    @property
    def bootstrap(self) -> Endpoint:
        """Any broker, by the listener of clients."""
        return Endpoint(self._host(f"{self.cluster}-kafka-bootstrap"), CLIENT_PORT)

    def pool(self, node: Node) -> str:
        """The node pool of a node: one for each role and zone."""
        return f"{node.role.value}-{node.zone}"

    def pod(self, node: Node) -> str:
        """The pod of a node."""
        return f"{self.cluster}-{self.pool(node)}-{node.id}"

    def host(self, node: Node) -> str:
        """Where a node is reached, as its certificate says."""
        return self._host(f"{self.pod(node)}.{self.cluster}-kafka-brokers")

    def toxiproxy(self, zone: str) -> str:
        """The service, and every other object, of the proxies of a zone's clients."""
        return f"{self.cluster}-toxiproxy-{zone}"

    def toxiproxy_api(self, zone: str) -> Endpoint:
        """Where the proxies of a zone's clients are told what to do."""
        return Endpoint(self._host(self.toxiproxy(zone)), TOXIPROXY_API_PORT)

    def link(self, source_zone: str, node: Node) -> Endpoint:
        """Where clients of a zone find the proxy before a broker of another zone."""
        return Endpoint(self._host(self.toxiproxy(source_zone)), _FIRST_LINK_PORT + node.id)

    def behind_link(self, source_zone: str, node: Node) -> Endpoint:
        """The listener of a broker that is for clients of a zone, and reached through its proxy."""
        return Endpoint(self.host(node), chaos_port(source_zone))

    def advertised(self, source_zone: str, node: Node) -> Endpoint:
        """Where clients of a zone are told to find a broker: behind a proxy if it is elsewhere."""
        if node.zone == source_zone:
            return self.behind_link(source_zone, node)
        return self.link(source_zone, node)

    def _host(self, name: str) -> str:
        return f"{name}.{self.namespace}.svc"


def chaos_listener(zone: str) -> str:
    """The listener for the game day's clients of one zone; letters and digits alone are legal."""
    return f"chaos{zone}"


def chaos_port(zone: str) -> int:
    """Its port: the one of that zone's client listener on every target."""
    return Ports().client[zone]
