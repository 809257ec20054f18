"""What of the blueprint's broker settings is in force under Strimzi, and what is not.

Strimzi makes ``server.properties`` itself: what a Kafka resource says under ``config`` goes in,
except for whole families of names that the operator owns. It drops those with a line in its own log
and nothing else, so what it drops is decided and said here, before it is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from blueprint.broker_settings import BrokerSettings, listener_names, server_properties
from blueprint.failover_profile import KAFKA_DEFAULTS, FailoverProfile
from blueprint.listeners import ClusterAddresses, Endpoint, NodeAddresses, Ports
from blueprint.topology import Topology

#: The first that runs Kafka 4.3.1; what follows is from this version's ``KafkaClusterSpec.java``.
VERSION = "1.2.0"
KAFKA_VERSION, METADATA_VERSION = "4.3.1", "4.3-IV0"
#: Before it the operator dropped the broker's session time-out, its heartbeat interval and
#: ``controller.socket.timeout.ms`` too, and a stalled controller was felt for 40 s and more.
FIRST_WITH_SESSION_TIMEOUT = "0.48.0"
#: A name that begins with one of these is dropped ...
FORBIDDEN_PREFIXES = (
    "listeners",
    "advertised.",
    "broker.",
    "listener.",
    "host.name",
    "port",
    "inter.broker.listener.name",
    "sasl.",
    "ssl.",
    "security.",
    "password.",
    "log.dir",
    "zookeeper.connect",
    "zookeeper.set.acl",
    "zookeeper.ssl",
    "zookeeper.clientcnxnsocket",
    "authorizer.",
    "super.user",
    "cruise.control.metrics.topic",
    "cruise.control.metrics.reporter.bootstrap.servers",
    "node.id",
    "process.roles",
    "controller.",
    "metadata.log.dir",
    "zookeeper.metadata.migration.enable",
    "client.quota.callback.static.kafka.admin.",
    "client.quota.callback.static.produce",
    "client.quota.callback.static.fetch",
    "client.quota.callback.static.storage.per.volume.limit.min.available.",
    "client.quota.callback.static.excluded.principal.name.list",
    "prometheus.metrics.reporter.",
    "cordoned.log.dirs",
)
#: ... unless it is one of these.
EXCEPTIONS = frozenset(
    {
        "zookeeper.connection.timeout.ms",
        "sasl.server.max.receive.size",
        "ssl.cipher.suites",
        "ssl.protocol",
        "ssl.enabled.protocols",
        "ssl.secure.random.implementation",
        "cruise.control.metrics.topic.num.partitions",
        "cruise.control.metrics.topic.replication.factor",
        "cruise.control.metrics.topic.retention.ms",
        "cruise.control.metrics.topic.auto.create.retries",
        "cruise.control.metrics.topic.auto.create.timeout.ms",
        "cruise.control.metrics.topic.min.insync.replicas",
        "broker.session.timeout.ms",
        "broker.heartbeat.interval.ms",
        "controller.socket.timeout.ms",
        "controller.quorum.election.backoff.max.ms",
        "controller.quorum.election.timeout.ms",
        "controller.quorum.fetch.timeout.ms",
    }
)


class Fate(StrEnum):
    """Why a setting of the blueprint is not in a Kafka resource as it was rendered."""

    OWNED = "Strimzi sets it itself, from the same topology and security"
    DROPPED = "Strimzi drops it, and Kafka's default is in force"
    ONE_FOR_ALL = "a Kafka resource has one value for all nodes: the most patient one"


#: What the operator writes itself, from listeners, node pools, rack and authorization.
_OWNED = frozenset(
    {
        "advertised.listeners",
        "allow.everyone.if.no.acl.found",
        "authorizer.class.name",
        "broker.rack",
        "controller.listener.names",
        "controller.quorum.bootstrap.servers",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "listeners",
        "log.dirs",
        "node.id",
        "process.roles",
        "super.users",
    }
)
_OWNED_FAMILIES = ("listener.name.", "sasl.", "ssl.")
#: Of settings that every voter has for itself, the stagger is the first to go.
_FETCH_TIMEOUT = "controller.quorum.fetch.timeout.ms"
_REQUEST_TIMEOUT = "controller.quorum.request.timeout.ms"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One setting that is not in force as the blueprint renders it.

    Attributes:
        rendered: Every value that the blueprint has for it, one for each kind of node.
        in_force: What Kafka runs with; None where Strimzi's own value means the same.
    """

    name: str
    fate: Fate
    rendered: tuple[str, ...]
    in_force: str | None


def forbidden(name: str) -> bool:
    """Would Strimzi drop a setting of this name?"""
    return name.lower().startswith(FORBIDDEN_PREFIXES) and name not in EXCEPTIONS


def config(topology: Topology, settings: BrokerSettings) -> dict[str, str]:
    """What a Kafka resource says under ``spec.kafka.config``: the blueprint's, and all of it heard.

    One value serves brokers and controllers alike. Where they differ it is the voters' own, without
    their stagger: what is too patient costs time, and what is too hasty costs elections.

    Raises:
        BadInput: Settings that contradict each other; every problem at once.
    """
    rendered = _rendered(topology, settings)
    heard = {name: values for name, values in rendered.items() if _fate(name, values) is None}
    said = {name: values[0] for name, values in heard.items()}
    return dict(sorted((said | _one_for_all(settings, rendered)).items()))


def deviations(topology: Topology, settings: BrokerSettings) -> tuple[Deviation, ...]:
    """Everything that the blueprint renders and a Kafka resource does not say so.

    Raises:
        BadInput: Settings that contradict each other; every problem at once.
    """
    rendered = _rendered(topology, settings)
    uniform = _one_for_all(settings, rendered)
    found = []
    for name, values in sorted(rendered.items()):
        fate = _fate(name, values)
        if fate is not None:
            in_force = uniform.get(name) if fate is Fate.ONE_FOR_ALL else _DEFAULTS.get(name)
            found.append(Deviation(name, fate, values, in_force))
    return tuple(found)


def in_force(profile: FailoverProfile) -> FailoverProfile:
    """The time-outs that a cluster of Strimzi's really runs with; what a budget is made from.

    Brokers wait as long as voters before they look for another controller, and every request to the
    quorum as long as Kafka's default says. Voters that miss their leader at one moment stand for
    election at one moment: a vote that is split costs another round, which no formula here knows.
    """
    return replace(
        profile,
        controller_quorum_fetch_stagger_ms=0,
        broker_quorum_fetch_timeout_ms=profile.controller_quorum_fetch_timeout_ms,
        controller_quorum_request_timeout_ms=KAFKA_DEFAULTS.controller_quorum_request_timeout_ms,
        broker_quorum_request_timeout_ms=KAFKA_DEFAULTS.broker_quorum_request_timeout_ms,
    )


def effective_settings(resource: Mapping[str, object]) -> dict[str, str]:
    """The broker settings that a declared Kafka resource asks for and the operator hears.

    Args:
        resource: The whole resource, as declared or as the API server has it.
    """
    spec = resource.get("spec")
    kafka = spec.get("kafka") if isinstance(spec, Mapping) else None
    said = kafka.get("config") if isinstance(kafka, Mapping) else None
    given = said if isinstance(said, Mapping) else {}
    return {str(name): str(value) for name, value in given.items() if not forbidden(str(name))}


#: What is in force in place of a setting that is dropped.
_DEFAULTS = {_REQUEST_TIMEOUT: str(KAFKA_DEFAULTS.controller_quorum_request_timeout_ms)}


def _fate(name: str, values: tuple[str, ...]) -> Fate | None:
    if name in _OWNED or name.startswith(_OWNED_FAMILIES):
        return Fate.OWNED
    if forbidden(name):
        return Fate.DROPPED
    return Fate.ONE_FOR_ALL if len(values) > 1 else None


def _one_for_all(
    settings: BrokerSettings, rendered: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Settings that differ between nodes, made one."""
    patient = {_FETCH_TIMEOUT: str(settings.profile.controller_quorum_fetch_timeout_ms)}
    return {
        name: patient.get(name, values[0])
        for name, values in rendered.items()
        if _fate(name, values) is Fate.ONE_FOR_ALL
    }


def _rendered(topology: Topology, settings: BrokerSettings) -> dict[str, tuple[str, ...]]:
    """Every setting of every kind of node with each of its values, in the order of the nodes.

    Brokers of one zone differ in what Strimzi owns alone, so the first of each zone speaks for all.
    """
    addresses = _addresses(topology)
    first = {(node.role, node.zone): node for node in reversed(topology.nodes)}
    found: dict[str, dict[str, None]] = {}
    for node in sorted(first.values()):
        properties = server_properties(topology, node, addresses, settings, "data")
        for name, value in properties.items():
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _addresses(topology: Topology) -> ClusterAddresses:
    """Where nodes are is Strimzi's to say: these stand in for what it makes of it."""
    ports = Ports()
    nodes = {
        node.id: NodeAddresses(
            "0.0.0.0",
            {name: Endpoint(node.name, ports.of(name)) for name in listener_names(topology, node)},
        )
        for node in topology.nodes
    }
    bootstrap = tuple(Endpoint(node.name, ports.controller) for node in topology.controllers)
    return ClusterAddresses(ports, nodes, bootstrap)


def in_force_on(target: str, profile: FailoverProfile) -> FailoverProfile:
    """The time-outs that a target really runs with: all but Strimzi's have them all."""
    return in_force(profile) if target == "kubernetes" else profile
