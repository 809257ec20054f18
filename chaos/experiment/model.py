"""An experiment as its YAML file says it, validated before anything moves."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from blueprint.client_settings import Goal, GroupProtocol
from blueprint.failover_profile import DEFAULT_PROFILE
from blueprint.security import Security
from blueprint.topology import ZONES
from chaos.experiment.work import Effects, Work
from chaos.faults import REGISTRY
from chaos.payload import SMALLEST_BYTES
from chaos.targets.target import Ability

Seconds = Annotated[float, Field(gt=0, le=3600)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Brokers = tuple[Annotated[int, Field(ge=0)], ...]
ZoneName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
#: A zone may be chosen by the part it plays when the step begins.
ZONE_ROLES = ("with-active-controller", "without-active-controller")
#: What a topic or a producer is told by a field of its own; said twice, one would be ignored.
_OF_TOPIC = {
    "min.insync.replicas": "min_insync_replicas",
    "unclean.leader.election.enable": "unclean_leader_election",
    "retention.ms": "retention_s",
    "segment.ms": "retention_s",
}
_OF_PRODUCER = {"acks": "acks", "enable.idempotence": "idempotence"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(StrEnum):
    """Who writes.

    PRODUCERS: Kafka's own.
    OUTBOX: Writers of a database; a connector publishes what they have committed.
    """

    PRODUCERS = "producers"
    OUTBOX = "outbox"


class Workload(_Strict):
    """What is written and read while the faults happen.

    Attributes:
        rate_per_s: Records offered per second, over all producers.
        source: Who writes; what is said of acks and producers is nothing to an outbox.
        producers: The zone of each producer process.
        members: The zone of each member of the consumer group.
        acks: Who must hold a record before it is acknowledged: all in sync, or the leader alone.
        idempotence: Whether a producer's retries are told from new records; only with acks all.
        unclean_leader_election: Whether a replica that lacks acknowledged records may lead.
        replica_assignment: The brokers of each partition, leader first, taken in turn; the
            cluster places replicas by itself when nothing is said.
        retention_s: How long records are kept; for ever when nothing is said.
        greedy_quota_bytes_per_s: What a consumer without manners may fetch of each broker, where a
            fault lets one read; None: all he can.
        work: What a record costs them.
    """

    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    replication_factor: Annotated[int, Field(ge=1, le=3)] = 3
    min_insync_replicas: Annotated[int, Field(ge=1, le=3)] = 2
    topic_config: dict[str, str] = {}
    record_bytes: Annotated[int, Field(ge=SMALLEST_BYTES, le=1_000_000)] = 1024
    rate_per_s: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    source: Source = Source.PRODUCERS
    producers: Annotated[tuple[ZoneName, ...], Field(min_length=1, max_length=90)] = ("a", "b", "c")
    members: Annotated[tuple[ZoneName, ...], Field(min_length=1, max_length=90)] = ("a", "b", "c")
    goal: Goal = Goal.BALANCED
    protocol: GroupProtocol = GroupProtocol.CONSUMER
    producer_overrides: dict[str, str | int | bool] = {}
    acks: Literal["all", 1] = "all"
    idempotence: bool = True
    unclean_leader_election: bool = False
    replica_assignment: Annotated[tuple[Brokers, ...], Field(min_length=1)] | None = None
    retention_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
    greedy_quota_bytes_per_s: Annotated[int, Field(ge=1, le=1 << 40)] | None = None
    work: Work = Work()

    @field_validator("topic_config", "producer_overrides")
    @classmethod
    def _said_once(cls, given: dict[str, object]) -> dict[str, object]:
        for name in sorted(given.keys() & (_OF_TOPIC.keys() | _OF_PRODUCER.keys())):
            raise ValueError(f"{name}: say it as workload.{(_OF_TOPIC | _OF_PRODUCER)[name]}")
        return given

    @model_validator(mode="after")
    def _acknowledged_by_all(self) -> Self:
        if self.idempotence and self.acks != "all":
            raise ValueError("idempotence: false where acks is 1; it needs acks all")
        return self

    @model_validator(mode="after")
    def _an_outbox_has_effects(self) -> Self:
        if self.source is not Source.OUTBOX:
            return self
        if self.work.effects is not Effects.EXACTLY_ONCE:
            raise ValueError("work.effects: exactly-once where source is outbox")
        if self.producer_overrides or self.acks != "all" or not self.idempotence:
            raise ValueError("acks, idempotence, producer_overrides: not where source is outbox")
        return self

    @model_validator(mode="after")
    def _placed_on_distinct_brokers(self) -> Self:
        for brokers in self.replica_assignment or ():
            if len(set(brokers)) != self.replication_factor or len(brokers) != len(set(brokers)):
                raise ValueError(
                    f"replica_assignment: {self.replication_factor} different brokers each, "
                    "as many as replication_factor"
                )
        return self

    @model_validator(mode="after")
    def _in_sync_replicas_exist(self) -> Self:
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError(
                f"min_insync_replicas: at most replication_factor, {self.replication_factor}"
            )
        return self

    def replicas_of(self, partition: int) -> list[int] | None:
        """The brokers of a partition, leader first; None where the cluster decides."""
        turns = self.replica_assignment
        return list(turns[partition % len(turns)]) if turns else None


class Step(_Strict):
    """One fault on the timeline.

    Attributes:
        id: Unique in the experiment.
        fault: The fault's name in the registry.
        after_s: Seconds of undisturbed load before it: after the steady state for the first step,
            after the cluster was whole again for each other.
        hold_s: Seconds between the end of the injection and the heal.
        zone: A zone by name or by role; which one it was is in the history.
    """

    id: Name
    fault: str
    after_s: Annotated[float, Field(ge=0, le=3600)] = 3.0
    hold_s: Annotated[float, Field(ge=0, le=3600)] = 8.0
    zone: str = "without-active-controller"
    latency_ms: Annotated[float, Field(gt=0, le=5000)] | None = None
    jitter_ms: Annotated[float, Field(ge=0, le=5000)] = 0.0

    @model_validator(mode="after")
    def _fault_is_known(self) -> Self:
        if self.fault not in REGISTRY:
            raise ValueError(f"fault: one of {', '.join(sorted(REGISTRY))}")
        if REGISTRY[self.fault].needs_latency != (self.latency_ms is not None):
            needs = "is needed by" if self.latency_ms is None else "means nothing to"
            raise ValueError(f"latency_ms: {needs} the fault {self.fault}")
        return self


class RecoveryLimits(_Strict):
    """Limits of the four recovery times, where they are not the failover budget's."""

    produce_s: Seconds
    isr_s: Seconds
    commit_s: Seconds
    lag_s: Seconds


class Limits(_Strict):
    """What a PASS needs beyond zero loss.

    Attributes:
        recovery: ``budget`` takes the failover budget's prediction for the cluster's profile.
        ack_s: A send counts as available when it was acknowledged within this.
        available_outside: Least share of sends in time, per zone, outside the faults.
        available_inside: The same inside a fault, for the zones it does not strike.
        lag_factor: Lag is normal up to this times its p99 before the first fault,
        lag_floor_s: or up to this, whichever is more,
        lag_hold_s: once it has stayed there this long.
        lag_peak_s: No record waits longer than this, from any fault until lag is normal again.
        deficit_s: The fleet's deficit alarm is on for no longer, outside of faults; None: nobody
            asks it.
        neighbours_factor: The 99th percentiles of the others' waits inside a fault are at most so
            many times those before it; None: nobody compares them.
    """

    recovery: Literal["budget"] | RecoveryLimits = "budget"
    ack_s: Seconds = 8.0
    available_outside: Share = 0.999
    available_inside: Share = 0.99
    lag_factor: Annotated[float, Field(ge=1, le=100)] = 3.0
    lag_floor_s: Seconds = 1.0
    lag_hold_s: Seconds = 3.0
    lag_peak_s: Seconds | None = None
    deficit_s: Seconds | None = None
    neighbours_factor: Annotated[float, Field(ge=1, le=100)] | None = None


class AbortWhen(_Strict):
    """When the run gives up and lifts the fault.

    Attributes:
        silent_s: No acknowledgement on any partition for this long.
        lag_records: A partition's backlog above this many records.
    """

    silent_s: Seconds
    lag_records: Annotated[int, Field(ge=1)]


class BlastRadius(_Strict):
    """What a run may touch at most.

    Attributes:
        zones: 1; or 3, the whole of a lab that is the run's own, for a fault that needs it.
    """

    zones: Literal[1, 3]


class SteadyState(_Strict):
    """What must hold before the first fault: the offered rate, and lag below the floor."""

    hold_s: Seconds = 3.0
    within_s: Seconds = 60.0


class LabSettings(_Strict):
    """The lab that is booted when no outputs are given."""

    profile: str = DEFAULT_PROFILE
    broker_overrides: dict[str, str] = {}
    cross_zone_latency_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0
    security: Security = Security.PLAINTEXT
    broker_zones: tuple[ZoneName, ...] = ZONES
    controller_zones: tuple[ZoneName, ...] = ZONES


class Expect(_Strict):
    """The outcome that makes the run a success; a control names the check that must see it."""

    outcome: Literal["PASS", "FAIL", "INVALID"] = "PASS"
    check: str | None = None


class Experiment(_Strict):
    """One experiment."""

    name: Name
    says: Annotated[str, Field(min_length=10, max_length=400)]
    expect: Expect = Expect()
    max_duration_s: Seconds
    abort_when: AbortWhen
    blast_radius: BlastRadius
    workload: Workload = Workload()
    steady_state: SteadyState = SteadyState()
    steps: tuple[Step, ...] = ()
    calm_s: Annotated[float, Field(ge=0, le=86400)] = 5.0
    limits: Limits = Limits()
    lab: LabSettings = LabSettings()
    doctor: Literal["drop", "duplicate", "swap", "corrupt"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @model_validator(mode="after")
    def _steps_are_distinct(self) -> Self:
        ids = [step.id for step in self.steps]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"steps: the id {twice[0]!r} stands twice; ids are unique")
        planned_s = sum(step.after_s + step.hold_s for step in self.steps) + self.calm_s
        if planned_s >= self.max_duration_s:
            raise ValueError(f"max_duration_s: more than the {planned_s:g} s that the steps take")
        return self

    @model_validator(mode="after")
    def _an_outbox_is_there(self) -> Self:
        for step in self.steps:
            published = self.workload.source is Source.OUTBOX
            if Ability.OUTBOX in REGISTRY[step.fault].needs and not published:
                raise ValueError(f"workload.source: outbox, for the fault {step.fault}")
        return self

    @model_validator(mode="after")
    def _replicas_have_brokers(self) -> Self:
        brokers = len(self.lab.broker_zones)
        for turn in self.workload.replica_assignment or ():
            if not all(1 <= one <= brokers for one in turn):
                raise ValueError(f"workload.replica_assignment: brokers 1 to {brokers}")
        return self

    @model_validator(mode="after")
    def _radius_is_what_the_faults_need(self) -> Self:
        needed = max((REGISTRY[step.fault].zones for step in self.steps), default=1)
        if self.blast_radius.zones != needed:
            raise ValueError(f"blast_radius.zones: {needed}, for that is what its faults strike")
        return self
