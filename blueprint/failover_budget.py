"""How long a fault will be felt, from the settings alone: the failover budget.

The prediction is an upper bound made of the waits that can follow one another; a game day prints
the measurement beside it, and its limits are these numbers.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum

from blueprint.failover_profile import FailoverProfile


class Loss(StrEnum):
    """The kinds of loss that a budget is made for."""

    NONE = "none"
    KILL = "kill"
    BLACKHOLE = "blackhole"
    LATENCY = "latency"
    REBALANCE = "rebalance"
    MEMBER = "member"
    FLEET = "fleet"
    CONNECTOR = "connector"


@dataclass(frozen=True, slots=True)
class Recovery:
    """Times in seconds.

    Attributes:
        produce_s: From the fault to the first acknowledgement on the worst partition.
        isr_s: From the heal to every partition's full ISR.
        commit_s: From the fault to the first commit of the worst partition's consumer.
        lag_s: From the heal until every partition's lag time is normal again.
    """

    produce_s: float
    isr_s: float
    commit_s: float
    lag_s: float

    def as_dict(self) -> dict[str, float]:
        """The four times by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the settings do not say. Measured on two cores that also run the load.

    Attributes:
        broker_start_s: From a broker's start to its first fetch: 3 to 8 s beside a running cluster.
        drain_capacity_ratio: What consumers and followers can take over what is offered.
        scheduling_s: Time for events to be handled on a busy machine: 0.1 to 0.5 s a fault.
        commit_interval_s: How often members commit.
        member_start_s: From a member's start to its first partitions: 1 to 3 s.
        fleet_start_s: From the start of a whole fleet at once to its first partitions: 3 to 6 s.
        connector_start_s: From the start of Connect to its first event: its JVM beside the
            transaction of the worker that died (10 s, and up to 10 until a broker looks), then its
            group and its connector.
    """

    broker_start_s: float = 10.0
    drain_capacity_ratio: float = 2.0
    scheduling_s: float = 0.5
    commit_interval_s: float = 0.5
    member_start_s: float = 3.0
    fleet_start_s: float = 6.0
    connector_start_s: float = 25.0


TYPICAL = Surroundings()
#: An acknowledgement by all needs the producer's round trip and up to two of a follower that is
#: as far away (the fetch that brings the record may just have left); a record that finds the
#: connection's five requests taken waits for another such time first.
_ROUND_TRIPS = 6


def predict(
    profile: FailoverProfile,
    loss: Loss,
    *,
    controller_inside: bool,
    fault_s: float = 10.0,
    latency_s: float = 0.0,
    surroundings: Surroundings = TYPICAL,
) -> Recovery:
    """Bound the four recovery times of one loss.

    Args:
        profile: The time-outs of brokers, quorum and clients.
        loss: What happens to the zone.
        controller_inside: Whether the lost zone holds the active controller.
        fault_s: How long the fault is held, which is the backlog of a zone that was away.
        latency_s: How much the round trips grow.
        surroundings: What the machine adds.
    """
    around = surroundings
    trips_s = _ROUND_TRIPS * latency_s
    produce_s = (
        _leader_s(profile, loss, controller_inside)
        + _followers_s(profile, loss)
        + _client_s(profile, loss)
        + trips_s
        + around.scheduling_s
    )
    silent_s = commit_s = produce_s + _group_s(profile, loss) + around.commit_interval_s
    if loss is Loss.FLEET:
        away_s = fault_s + around.fleet_start_s
        silent_s += away_s
        # A member may read one partition to its end before the next: the last one's first commit
        # comes after the backlog of all.
        commit_s = silent_s + away_s / around.drain_capacity_ratio
    if loss is Loss.CONNECTOR:
        silent_s += fault_s + around.connector_start_s
        commit_s = silent_s
    isr_s = _isr_s(profile, loss, fault_s, around)
    # What was not read while nobody read it is drained beside what goes on arriving.
    lag_s = silent_s / (around.drain_capacity_ratio - 1) + trips_s + around.scheduling_s
    if loss is Loss.KILL:
        lag_s += around.broker_start_s
    if loss in (Loss.REBALANCE, Loss.MEMBER, Loss.FLEET):
        # The heal is a rebalance of its own: the member that was missing comes back.
        lag_s += around.member_start_s
    return Recovery(round(produce_s, 2), round(isr_s, 2), round(commit_s, 2), round(lag_s, 2))


def _client_s(profile: FailoverProfile, loss: Loss) -> float:
    """What the client adds after a leader has moved."""
    refresh_ms = profile.client_metadata_refresh_fast_ms + profile.client_retry_backoff_max_ms
    if loss is Loss.BLACKHOLE:
        # A request in flight on a stalled connection waits for the socket's own time-out.
        return (profile.client_socket_timeout_ms + refresh_ms) / 1000
    return refresh_ms / 1000


def _leader_s(profile: FailoverProfile, loss: Loss, controller_inside: bool) -> float:
    """What it takes to have a leader again."""
    if loss not in (Loss.KILL, Loss.BLACKHOLE):
        return 0.0
    session_s = profile.broker_session_timeout_ms / 1000
    if not controller_inside:
        return session_s
    # The quorum must first miss its leader and elect another (the wait is drawn between one and
    # two election time-outs); the new one gives every broker a whole session before it fences it.
    missed_ms = profile.controller_quorum_fetch_timeout_ms
    missed_ms += profile.controller_quorum_fetch_stagger_ms
    elected_ms = 2 * profile.controller_quorum_election_timeout_ms
    found_ms = 0
    if loss is Loss.BLACKHOLE:
        # A broker asks the stalled leader, a stalled bootstrap voter and the leader once more
        # before it finds the new one; what of that outlasts its session, it spends fenced.
        asks_ms = 3 * profile.broker_quorum_request_timeout_ms
        found_ms = max(0, asks_ms - profile.broker_session_timeout_ms)
        found_ms += profile.controller_socket_timeout_ms
    return session_s + (missed_ms + elected_ms + found_ms) / 1000


def _followers_s(profile: FailoverProfile, loss: Loss) -> float:
    """What it takes until the survivors follow the new leader: none is acknowledged before."""
    if loss not in (Loss.KILL, Loss.BLACKHOLE):
        return 0.0
    # A follower that hears of the leader before that one knows of it is refused, and waits; with
    # Kafka's second it was seen to wait once and twice.
    return 2 * profile.replica_fetch_backoff_ms / 1000


def _group_s(profile: FailoverProfile, loss: Loss) -> float:
    """What the consumer group adds before each partition is read and committed again."""
    heartbeat_s = profile.group_heartbeat_interval_ms / 1000
    # The coordinator asks for partitions back in one heartbeat, hears of it in the next, and
    # gives them out in a third.
    handed_over_s = 3 * heartbeat_s
    if loss in (Loss.MEMBER, Loss.BLACKHOLE):
        return profile.group_session_timeout_ms / 1000 + handed_over_s
    return handed_over_s


def _isr_s(profile: FailoverProfile, loss: Loss, fault_s: float, around: Surroundings) -> float:
    """From the heal until the followers have caught up."""
    if loss in (Loss.NONE, Loss.REBALANCE, Loss.MEMBER, Loss.FLEET, Loss.CONNECTOR):
        return around.scheduling_s
    reconnect_s = (profile.replica_socket_timeout_ms + profile.replica_fetch_backoff_ms) / 1000
    away_s = 0.0 if loss is Loss.LATENCY else fault_s
    restart_s = around.broker_start_s if loss is Loss.KILL else 0.0
    catch_up_s = away_s / (around.drain_capacity_ratio - 1)
    return restart_s + reconnect_s + catch_up_s + around.scheduling_s
