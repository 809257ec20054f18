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
    MEMBER = "member"


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
    """What the settings do not say.

    Attributes:
        broker_start_s: From a broker's start to its first fetch. Measured on two cores beside a
            running cluster: 3 to 8 s.
        drain_capacity_ratio: What consumers and followers can take over what is offered.
        scheduling_s: Time for events to be handled on a busy machine. Measured: 0.1 to 0.4 s.
    """

    broker_start_s: float = 12.0
    drain_capacity_ratio: float = 2.0
    scheduling_s: float = 0.4


TYPICAL = Surroundings()


def predict(
    profile: FailoverProfile,
    loss: Loss,
    *,
    controller_inside: bool,
    fault_s: float = 10.0,
    surroundings: Surroundings = TYPICAL,
) -> Recovery:
    """Bound the four recovery times of one loss.

    Args:
        profile: The time-outs of brokers, quorum and clients.
        loss: What happens to the zone.
        controller_inside: Whether the lost zone holds the active controller.
        fault_s: How long the fault is held, which is the backlog of a zone that was away.
        surroundings: What the machine adds.
    """
    client_s = _client_s(profile, loss)
    leader_s = _leader_s(profile, loss, controller_inside)
    produce_s = leader_s + client_s + surroundings.scheduling_s
    group_s = profile.group_session_timeout_ms / 1000 + profile.group_heartbeat_interval_ms / 1000
    member_s = group_s if loss is Loss.MEMBER else 0.0
    # A consumer's coordinator fails over like any leader, then each member heartbeats again.
    commit_s = produce_s + profile.group_heartbeat_interval_ms / 1000 + client_s + member_s
    away_s = 0.0 if loss in (Loss.NONE, Loss.MEMBER) else fault_s
    restart_s = surroundings.broker_start_s if loss is Loss.KILL else 0.0
    catch_up_s = away_s / (surroundings.drain_capacity_ratio - 1)
    isr_s = restart_s + catch_up_s + profile.replica_socket_timeout_ms / 1000 + 2.0
    lag_s = commit_s / (surroundings.drain_capacity_ratio - 1) + surroundings.scheduling_s + 2.0
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
    # two election time-outs); brokers then find it, and their sessions start anew.
    missed_ms = profile.controller_quorum_fetch_timeout_ms if loss is Loss.BLACKHOLE else 0
    elected_ms = 2 * profile.controller_quorum_election_timeout_ms
    found_ms = profile.controller_socket_timeout_ms if loss is Loss.BLACKHOLE else 0
    return session_s + (missed_ms + elected_ms + found_ms) / 1000
