"""Broker and controller settings, and the one renderer of server.properties.

The laptop, the cloud and Kubernetes boot what this file renders; where a target must differ it
says so through ``overrides``, which are validated and shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blueprint.broker_setting_names import legal_instead
from blueprint.failover_profile import BALANCED, FailoverProfile
from blueprint.listeners import CONTROLLER, REPLICATION, ClusterAddresses, client_listener
from blueprint.problem import BadInput, Problem
from blueprint.security import (
    SECRETS_DIR,
    Security,
    listener_protocols,
    security_properties,
)
from blueprint.topology import Node, Role, Topology

#: A producer's next transaction waits until the markers of the one before are written, some
#: milliseconds; a broker looks again every 20 ms unless told (KAFKA-20000). What this alone is
#: worth here is not measured; ``docs/fleet.md`` has what was.
NEXT_TRANSACTION_LOOK_MS = 2
#: How often a broker's own zone stands in its bootstrap list, against once for each other.
OWN_ZONE_WEIGHT = 6

#: Settings that follow from the topology and from how clients are identified; an override would
#: contradict the rest of the plan.
DERIVED = frozenset(
    {
        "process.roles",
        "node.id",
        "broker.rack",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "inter.broker.listener.name",
        "controller.listener.names",
        "controller.quorum.bootstrap.servers",
        "log.dirs",
        "allow.everyone.if.no.acl.found",
        "authorizer.class.name",
        "super.users",
    }
)
#: Whole families of settings that follow from how clients are identified.
DERIVED_FAMILIES = ("listener.name.", "sasl.", "ssl.")
#: What the names of settings have in common that hold a secret, or may.
_SECRETIVE = ("credential", "jaas", "keystore", "password", "private", "secret", "token")
_FOLLOWS = "nothing: it follows from the topology and from how clients are identified"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What a cluster promises and how fast it fails over.

    Attributes:
        profile: The failover time-outs.
        replication_factor: Replicas of a topic that does not say; one per zone.
        min_insync_replicas: Replicas that must hold a record before it is acknowledged.
        unclean_leader_election: Whether a replica that lost records may lead. Never in production.
        offsets_partitions: Partitions of the consumer offsets topic (Kafka's default is 50).
        overrides: Further settings by Kafka's own name; they win over what the profile says.
        security: How clients are identified; with anything but ``PLAINTEXT`` nodes speak mutual TLS
            among themselves and nothing is allowed that no access rule allows.
    """

    profile: FailoverProfile = BALANCED
    replication_factor: int = 3
    min_insync_replicas: int = 2
    unclean_leader_election: bool = False
    offsets_partitions: int = 50
    overrides: Mapping[str, str] = field(default_factory=dict)
    security: Security = Security.PLAINTEXT


def server_properties(
    topology: Topology,
    node: Node,
    addresses: ClusterAddresses,
    settings: BrokerSettings,
    data_dir: str,
    secrets_dir: str = SECRETS_DIR,
) -> dict[str, str]:
    """The settings of one node, by Kafka's own names, in a stable order.

    Args:
        topology: The whole cluster.
        node: Whose settings.
        addresses: Where every node is reached.
        settings: What the cluster promises.
        data_dir: Where the node keeps its log.
        secrets_dir: Where the node finds its certificate; means nothing without security.

    Raises:
        BadInput: Settings that contradict each other or an override of a derived setting; every
            problem at once.
    """
    problems = settings_problems(topology, settings)
    if problems:
        raise BadInput(problems)
    properties = _identity(topology, node, addresses, data_dir, settings.security)
    opened = addresses.nodes[node.id].advertised
    properties |= security_properties(settings.security, opened, secrets_dir)
    properties |= _durability(settings) | _failover(settings.profile, topology, node)
    if node.role is Role.BROKER:
        properties |= _broker_only(node, settings)
    else:
        properties |= _controller_only(settings)
    properties |= settings.overrides
    return dict(sorted(properties.items()))


def render_properties(properties: Mapping[str, str]) -> str:
    """The text of a Java properties file, one setting a line."""
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def settings_problems(topology: Topology, settings: BrokerSettings) -> list[Problem]:
    """Everything wrong with the settings on this topology."""
    problems = []
    brokers = len(topology.brokers)
    if not 1 <= settings.replication_factor <= brokers:
        problems.append(
            Problem("replication_factor", str(settings.replication_factor), f"1 to {brokers}")
        )
    if not 1 <= settings.min_insync_replicas <= settings.replication_factor:
        problems.append(
            Problem(
                "min_insync_replicas",
                str(settings.min_insync_replicas),
                f"1 to {settings.replication_factor} (the replication factor)",
            )
        )
    for name, value in settings.overrides.items():
        if name in DERIVED or name.startswith(DERIVED_FAMILIES):
            problems.append(Problem(f"overrides.{name}", said_of(name, value), _FOLLOWS))
        elif not name or any(sign in name + value for sign in "\n\r") or "=" in name:
            legal = "a Kafka setting and a one-line value"
            problems.append(Problem(f"overrides.{name!r}", said_of(name, value), legal))
        elif instead := legal_instead(name):
            problems.append(Problem(f"overrides.{name}", said_of(name, value), instead))
    return problems


def said_of(name: str, value: str) -> str:
    """The value of a setting as a message may say it: not at all where it may be a secret."""
    may_be_secret = any(part in name.lower() for part in _SECRETIVE)
    return "a value that is not shown here" if may_be_secret else repr(value)


def _bootstrap(topology: Topology, node: Node, addresses: ClusterAddresses) -> list[str]:
    """Where a node asks for the quorum's leader; Kafka draws from the list at random.

    A draw that meets a stalled controller costs a whole request time-out, and a broker that spends
    its session so is fenced although it is well. The controllers of its own zone cannot be cut off
    from it by the loss of another, so a broker draws them most of the time.
    """
    drawn: list[str] = []
    for controller, at in zip(topology.controllers, addresses.controller_bootstrap, strict=True):
        near = node.role is Role.BROKER and controller.zone == node.zone
        drawn += [str(at)] * (OWN_ZONE_WEIGHT if near else 1)
    return drawn


def _identity(
    topology: Topology,
    node: Node,
    addresses: ClusterAddresses,
    data_dir: str,
    security: Security,
) -> dict[str, str]:
    own = addresses.nodes[node.id]
    listeners = {name: addresses.ports.of(name) for name in own.advertised}
    protocols = listener_protocols(security, [*listeners, CONTROLLER])
    return {
        "process.roles": node.role.value,
        "node.id": str(node.id),
        "listeners": ",".join(f"{name}://{own.bind_host}:{p}" for name, p in listeners.items()),
        "advertised.listeners": ",".join(f"{name}://{at}" for name, at in own.advertised.items()),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "controller.listener.names": CONTROLLER,
        "controller.quorum.bootstrap.servers": ",".join(_bootstrap(topology, node, addresses)),
        "log.dirs": data_dir,
    }


def _durability(settings: BrokerSettings) -> dict[str, str]:
    return {
        "min.insync.replicas": str(settings.min_insync_replicas),
        "unclean.leader.election.enable": str(settings.unclean_leader_election).lower(),
        "auto.create.topics.enable": "false",
    }


def _failover(profile: FailoverProfile, topology: Topology, node: Node) -> dict[str, str]:
    # A broker only watches the quorum: it may give up on a silent controller far sooner than a
    # voter, whose impatience is an election.
    fetch_ms = profile.broker_quorum_fetch_timeout_ms
    request_ms = profile.broker_quorum_request_timeout_ms
    if node.role is Role.CONTROLLER:
        # Voters that miss their leader at one moment all stand for election and split the vote. But
        # whoever fetched last has the longer log and must stand last, or its predecessor denies it
        # the pre-vote: the stagger stays well below the interval of the no-op records (100 ms).
        rank = topology.controllers.index(node)
        fetch_ms = profile.controller_quorum_fetch_timeout_ms
        fetch_ms += rank * profile.controller_quorum_fetch_stagger_ms
        request_ms = profile.controller_quorum_request_timeout_ms
    return {
        "broker.session.timeout.ms": str(profile.broker_session_timeout_ms),
        "broker.heartbeat.interval.ms": str(profile.broker_heartbeat_interval_ms),
        "controller.quorum.fetch.timeout.ms": str(fetch_ms),
        "controller.quorum.election.timeout.ms": str(profile.controller_quorum_election_timeout_ms),
        "controller.quorum.request.timeout.ms": str(request_ms),
        "controller.socket.timeout.ms": str(profile.controller_socket_timeout_ms),
        "metadata.max.idle.interval.ms": str(profile.metadata_max_idle_interval_ms),
        "replica.fetch.backoff.ms": str(profile.replica_fetch_backoff_ms),
        "replica.lag.time.max.ms": str(profile.replica_lag_time_max_ms),
        "replica.socket.timeout.ms": str(profile.replica_socket_timeout_ms),
    }


def _controller_only(settings: BrokerSettings) -> dict[str, str]:
    # Controllers create topics; a broker that is told the same warns that 5.0 will not listen.
    return {
        "default.replication.factor": str(settings.replication_factor),
        "num.partitions": "3",
    }


def _broker_only(node: Node, settings: BrokerSettings) -> dict[str, str]:
    profile = settings.profile
    replicas = str(settings.replication_factor)
    in_sync = str(settings.min_insync_replicas)
    return {
        "broker.rack": node.zone,
        "add.partitions.to.txn.retry.backoff.ms": str(NEXT_TRANSACTION_LOOK_MS),
        "inter.broker.listener.name": REPLICATION,
        "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": str(settings.offsets_partitions),
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # Kafka clamps the `consumer` protocol's time-outs from below; both ends move together.
        "group.consumer.session.timeout.ms": str(profile.group_session_timeout_ms),
        "group.consumer.min.session.timeout.ms": str(profile.group_session_timeout_ms),
        "group.consumer.heartbeat.interval.ms": str(profile.group_heartbeat_interval_ms),
        "group.consumer.min.heartbeat.interval.ms": str(profile.group_heartbeat_interval_ms),
    }


def listener_names(topology: Topology, node: Node) -> tuple[str, ...]:
    """The listeners a node of this role has: one per client zone and replication, or quorum."""
    if node.role is Role.CONTROLLER:
        return (CONTROLLER,)
    return (REPLICATION, *(client_listener(zone) for zone in topology.zones))
