"""Listener names, ports and where each listener of a node is bound and advertised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blueprint.topology import ZONES

REPLICATION = "REPLICATION"
CONTROLLER = "CONTROLLER"
CLIENT_PREFIX = "CLIENT_"


def client_listener(zone: str) -> str:
    """The listener that the clients of one zone use: ``CLIENT_A`` for zone ``a``."""
    return CLIENT_PREFIX + zone.upper()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        """As Kafka writes it: ``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ports:
    """One TCP port per listener; the same on every node, since each node has its own address.

    9092 and 9093 are what Kafka's own documentation uses for brokers and controllers.
    """

    replication: int = 9091
    controller: int = 9093
    client: Mapping[str, int] = field(
        default_factory=lambda: {zone: 9192 + index for index, zone in enumerate(ZONES)}
    )

    def of(self, listener: str) -> int:
        """The port of a listener.

        Raises:
            KeyError: The listener has no port here.
        """
        if listener == REPLICATION:
            return self.replication
        if listener == CONTROLLER:
            return self.controller
        return self.client[listener.removeprefix(CLIENT_PREFIX).lower()]


@dataclass(frozen=True, slots=True)
class NodeAddresses:
    """Where one node listens.

    Attributes:
        bind_host: The address its sockets are bound to.
        advertised: For each listener the endpoint that others are told to use. A chaos link is
            advertised here in place of the node itself.
    """

    bind_host: str
    advertised: Mapping[str, Endpoint]


@dataclass(frozen=True, slots=True)
class ClusterAddresses:
    """Where every node listens, and how controllers are first found."""

    ports: Ports
    nodes: Mapping[int, NodeAddresses]
    controller_bootstrap: tuple[Endpoint, ...]
