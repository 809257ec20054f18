"""Producer and consumer settings in librdkafka's names."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from blueprint.failover_profile import FailoverProfile

Setting = str | int | bool


class Goal(StrEnum):
    """What a producer is tuned for."""

    LATENCY = "latency"
    BALANCED = "balanced"
    THROUGHPUT = "throughput"


class GroupProtocol(StrEnum):
    """How a consumer group shares out its partitions."""

    CONSUMER = "consumer"
    COOPERATIVE = "cooperative"
    EAGER = "eager"


#: Batching per goal. The article's floor is 64 KB and 5 to 20 ms; zstd for ratio, lz4 for CPU.
#: Measured on two cores with 1 KB JSON: 64 KB at 10 ms with zstd 23K/s, 1 MB at 20 ms 94K/s.
_BATCHING: Mapping[Goal, Mapping[str, Setting]] = MappingProxyType(
    {
        Goal.LATENCY: {"batch.size": 65_536, "linger.ms": 5, "compression.type": "lz4"},
        Goal.BALANCED: {"batch.size": 262_144, "linger.ms": 10, "compression.type": "zstd"},
        Goal.THROUGHPUT: {"batch.size": 1_000_000, "linger.ms": 20, "compression.type": "zstd"},
    }
)

#: A record is retried until it is acknowledged or this long has passed (Kafka's own default).
DELIVERY_TIMEOUT_MS = 120_000

#: librdkafka wants a fetch to be able to wait well inside the socket's time-out.
FETCH_WAIT_MAX_MS = 100


def _connection(profile: FailoverProfile, bootstrap: str) -> dict[str, Setting]:
    return {
        "bootstrap.servers": bootstrap,
        "socket.timeout.ms": profile.client_socket_timeout_ms,
        "socket.connection.setup.timeout.ms": profile.client_connection_setup_timeout_ms,
        "reconnect.backoff.ms": profile.client_reconnect_backoff_ms,
        "reconnect.backoff.max.ms": profile.client_reconnect_backoff_max_ms,
        "retry.backoff.ms": profile.client_retry_backoff_ms,
        "retry.backoff.max.ms": profile.client_retry_backoff_max_ms,
        "topic.metadata.refresh.interval.ms": profile.client_metadata_refresh_ms,
        "topic.metadata.refresh.fast.interval.ms": profile.client_metadata_refresh_fast_ms,
        "socket.nagle.disable": True,
        "allow.auto.create.topics": False,
    }


def batching(goal: Goal) -> dict[str, Setting]:
    """How a producer of a goal batches where no plan says otherwise."""
    return dict(_BATCHING[goal])


def producer_settings(
    profile: FailoverProfile, bootstrap: str, goal: Goal = Goal.BALANCED
) -> dict[str, Setting]:
    """A producer that acknowledges only what a majority of zones holds, once and in order."""
    settings = _connection(profile, bootstrap)
    del settings["allow.auto.create.topics"]
    return settings | {
        "acks": "all",
        "enable.idempotence": True,
        # With more in flight, librdkafka 2.16 answers one partition's OUT_OF_ORDER_SEQUENCE_NUMBER
        # by a new epoch for all of them and writes what was in flight twice (its issue 4953; seen
        # here after leader moves). docs/adr/0005-one-request-in-flight.md has the cost.
        "max.in.flight.requests.per.connection": 1,
        "request.timeout.ms": profile.client_request_timeout_ms,
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        "partitioner": "murmur2_random",
        **_BATCHING[goal],
    }


def consumer_settings(
    profile: FailoverProfile,
    bootstrap: str,
    group: str,
    protocol: GroupProtocol = GroupProtocol.CONSUMER,
) -> dict[str, Setting]:
    """A group member that commits by hand, reads committed data and never resets silently."""
    settings = _connection(profile, bootstrap) | {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "check.crcs": True,
        "fetch.wait.max.ms": FETCH_WAIT_MAX_MS,
        "socket.timeout.ms": max(profile.client_socket_timeout_ms, FETCH_WAIT_MAX_MS + 1000),
    }
    if protocol is GroupProtocol.CONSUMER:
        return settings | {"group.protocol": "consumer"}
    strategy = "cooperative-sticky" if protocol is GroupProtocol.COOPERATIVE else "range"
    return settings | {
        "group.protocol": "classic",
        "partition.assignment.strategy": strategy,
        "session.timeout.ms": profile.group_session_timeout_ms,
        "heartbeat.interval.ms": profile.group_heartbeat_interval_ms,
    }
