"""How quickly a cluster and its clients give up on a peer: one profile sets both sides.

Recovery is a budget and the client owns most of it, so broker, quorum and client time-outs are
chosen together. ``docs/failover.md`` shows the measured frontier the default was chosen from.
"""

from dataclasses import dataclass

DEFAULT_PROFILE = "balanced"


@dataclass(frozen=True, slots=True)
class FailoverProfile:
    """Every time-out that decides how long a zone loss is felt. All values in milliseconds.

    The names are Kafka's and librdkafka's own, with dots as underscores; ``client_`` marks the
    settings of librdkafka that a broker setting shares its name with.
    """

    name: str
    broker_session_timeout_ms: int
    broker_heartbeat_interval_ms: int
    replica_lag_time_max_ms: int
    replica_socket_timeout_ms: int
    replica_fetch_backoff_ms: int
    controller_socket_timeout_ms: int
    controller_quorum_fetch_timeout_ms: int
    controller_quorum_fetch_stagger_ms: int
    controller_quorum_election_timeout_ms: int
    controller_quorum_request_timeout_ms: int
    broker_quorum_fetch_timeout_ms: int
    broker_quorum_request_timeout_ms: int
    metadata_max_idle_interval_ms: int
    client_socket_timeout_ms: int
    client_request_timeout_ms: int
    client_connection_setup_timeout_ms: int
    client_reconnect_backoff_ms: int
    client_reconnect_backoff_max_ms: int
    client_retry_backoff_ms: int
    client_retry_backoff_max_ms: int
    client_metadata_refresh_ms: int
    client_metadata_refresh_fast_ms: int
    group_session_timeout_ms: int
    group_heartbeat_interval_ms: int

    @property
    def tolerated_stall_ms(self) -> int:
        """The longest stall of a zone's links that should fence nothing and elect nobody.

        Measured: a stall up to about the session time-out less 300 ms is tolerated (a heartbeat
        interval and the controller's own check come off); the quorum's fetch time-out bounds it
        in the same way when the stalled zone holds a controller.
        """
        broker_ms = self.broker_session_timeout_ms - self.broker_heartbeat_interval_ms - 100
        quorum_ms = self.controller_quorum_fetch_timeout_ms - 100
        return max(0, min(broker_ms, quorum_ms))


#: What Kafka 4.3.1 and librdkafka ship with.
KAFKA_DEFAULTS = FailoverProfile(
    name="kafka-defaults",
    broker_session_timeout_ms=9000,
    broker_heartbeat_interval_ms=2000,
    replica_lag_time_max_ms=30000,
    replica_socket_timeout_ms=30000,
    replica_fetch_backoff_ms=1000,
    controller_socket_timeout_ms=30000,
    controller_quorum_fetch_timeout_ms=2000,
    controller_quorum_fetch_stagger_ms=0,
    controller_quorum_election_timeout_ms=1000,
    controller_quorum_request_timeout_ms=2000,
    broker_quorum_fetch_timeout_ms=2000,
    broker_quorum_request_timeout_ms=2000,
    metadata_max_idle_interval_ms=500,
    client_socket_timeout_ms=60000,
    client_request_timeout_ms=30000,
    client_connection_setup_timeout_ms=30000,
    client_reconnect_backoff_ms=100,
    client_reconnect_backoff_max_ms=10000,
    client_retry_backoff_ms=100,
    client_retry_backoff_max_ms=1000,
    client_metadata_refresh_ms=300000,
    client_metadata_refresh_fast_ms=100,
    group_session_timeout_ms=45000,
    group_heartbeat_interval_ms=5000,
)

#: The project's default: tolerates a 500 ms stall and 200 ms of latency, and recovers in seconds.
BALANCED = FailoverProfile(
    name="balanced",
    broker_session_timeout_ms=1200,
    broker_heartbeat_interval_ms=300,
    replica_lag_time_max_ms=3000,
    replica_socket_timeout_ms=1000,
    replica_fetch_backoff_ms=100,
    controller_socket_timeout_ms=500,
    controller_quorum_fetch_timeout_ms=650,
    controller_quorum_fetch_stagger_ms=40,
    controller_quorum_election_timeout_ms=300,
    controller_quorum_request_timeout_ms=800,
    broker_quorum_fetch_timeout_ms=500,
    broker_quorum_request_timeout_ms=350,
    metadata_max_idle_interval_ms=100,
    client_socket_timeout_ms=700,
    client_request_timeout_ms=600,
    client_connection_setup_timeout_ms=1000,
    client_reconnect_backoff_ms=50,
    client_reconnect_backoff_max_ms=250,
    client_retry_backoff_ms=50,
    client_retry_backoff_max_ms=250,
    client_metadata_refresh_ms=250,
    client_metadata_refresh_fast_ms=50,
    group_session_timeout_ms=6000,
    group_heartbeat_interval_ms=500,
)

#: For noisy hosts: tolerates stalls of about a second, recovers a little later.
RELAXED = FailoverProfile(
    name="relaxed",
    broker_session_timeout_ms=1500,
    broker_heartbeat_interval_ms=300,
    replica_lag_time_max_ms=3000,
    replica_socket_timeout_ms=3000,
    replica_fetch_backoff_ms=250,
    controller_socket_timeout_ms=1500,
    controller_quorum_fetch_timeout_ms=1200,
    controller_quorum_fetch_stagger_ms=40,
    controller_quorum_election_timeout_ms=500,
    controller_quorum_request_timeout_ms=1000,
    broker_quorum_fetch_timeout_ms=800,
    broker_quorum_request_timeout_ms=500,
    metadata_max_idle_interval_ms=200,
    client_socket_timeout_ms=2000,
    client_request_timeout_ms=1500,
    client_connection_setup_timeout_ms=1000,
    client_reconnect_backoff_ms=50,
    client_reconnect_backoff_max_ms=250,
    client_retry_backoff_ms=50,
    client_retry_backoff_max_ms=250,
    client_metadata_refresh_ms=1000,
    client_metadata_refresh_fast_ms=100,
    group_session_timeout_ms=6000,
    group_heartbeat_interval_ms=500,
)

#: For hosts that never stall: the shortest broker session, with the quorum left at ease, since
#: a 500 ms quorum fetch time-out was seen to hold 25 elections on a busy machine.
TIGHT = FailoverProfile(
    name="tight",
    broker_session_timeout_ms=700,
    broker_heartbeat_interval_ms=150,
    replica_lag_time_max_ms=3000,
    replica_socket_timeout_ms=800,
    replica_fetch_backoff_ms=100,
    controller_socket_timeout_ms=500,
    controller_quorum_fetch_timeout_ms=700,
    controller_quorum_fetch_stagger_ms=40,
    controller_quorum_election_timeout_ms=300,
    controller_quorum_request_timeout_ms=800,
    broker_quorum_fetch_timeout_ms=400,
    broker_quorum_request_timeout_ms=300,
    metadata_max_idle_interval_ms=100,
    client_socket_timeout_ms=800,
    client_request_timeout_ms=600,
    client_connection_setup_timeout_ms=1000,
    client_reconnect_backoff_ms=50,
    client_reconnect_backoff_max_ms=250,
    client_retry_backoff_ms=50,
    client_retry_backoff_max_ms=250,
    client_metadata_refresh_ms=300,
    client_metadata_refresh_fast_ms=50,
    group_session_timeout_ms=6000,
    group_heartbeat_interval_ms=500,
)

PROFILES = {profile.name: profile for profile in (KAFKA_DEFAULTS, BALANCED, RELAXED, TIGHT)}
