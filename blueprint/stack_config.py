"""What a stack may be asked for: the ``quorate:`` settings of a ``Pulumi.STACK.yaml``."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from blueprint.access import RESERVED_PREFIX, Access, lag_accesses
from blueprint.demand import Demand
from blueprint.failover_profile import DEFAULT_PROFILE, PROFILES
from blueprint.failover_target import TARGET_S
from blueprint.fleet_options import TracesConfig
from blueprint.game_days import GAME_DAYS
from blueprint.machine_types import MACHINE_TYPES
from blueprint.mending import mended
from blueprint.problem import SECRET, BadInput, Problem, validated
from blueprint.stack_fields import (
    Cron,
    Image,
    Network,
    ObjectName,
    RetentionH,
    TopicName,
    ZoneLabel,
)
from blueprint.stack_problems import UNKNOWN_TOPIC, stack_problems
from blueprint.stack_users import ClientConfig, FleetConfig, UserConfig
from blueprint.topology import ZONES
from blueprint.waivers import Waiver

#: AWS allows no wider one; in a narrower one a zone's endpoints do not fit into their share.
_WIDEST_PREFIX, _NARROWEST_PREFIX = 16, 22


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TopicConfig(_Strict):
    """One topic; what is left out follows from the plan.

    Attributes:
        partitions: The plan's figure per topic when left out.
        retention_h: The demand's when left out.
    """

    name: TopicName
    partitions: Annotated[int, Field(ge=1, le=10_000)] | None = None
    min_insync_replicas: Annotated[int, Field(ge=1, le=3)] = 2
    retention_h: RetentionH | None = None
    cleanup_policy: Literal["delete", "compact"] = "delete"

    @field_validator("name")
    @classmethod
    def _not_the_suites(cls, name: str) -> str:
        if name.startswith(RESERVED_PREFIX):
            raise ValueError(f"a name that does not begin with {RESERVED_PREFIX}: the suite's do")
        return name


class GameDayConfig(_Strict):
    """A game day on a schedule.

    Attributes:
        schedule: A cron line, in UTC.
        experiment: One of the suite's that the target can run; see ``GAME_DAYS``. Left out, it is
            the first of them.
        image: What holds the chaos suite.
        deadline_s: A run that takes longer is ended, and its faults with it: in under five minutes
            no fault has come and gone, and every game day would be aborted.
        history_gib: What keeps the histories of runs.
    """

    schedule: Cron = "0 10 * * 2"
    experiment: str = ""
    image: Image
    deadline_s: Annotated[int, Field(ge=300, le=86_400)] = 3600
    history_gib: Annotated[int, Field(ge=1, le=1000)] = 20


class MonitoringConfig(_Strict):
    """Who watches the stack: a Prometheus of prometheus-operator's, and a Grafana beside it.

    Attributes:
        namespace: Theirs; the fleets' metrics are asked for from there and from nowhere else.
        labels: By which that Prometheus chooses its rules and whom it asks.
        game_day_within_d: Where there are game days, one is to succeed within so many days.
        lag_image: What holds `python -m fleet lag`: one pod says how far each fleet is behind, and
            how many instances are wanted. None: members alone say their own lag.
    """

    namespace: ObjectName = "monitoring"
    labels: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61})$")]] = {}
    game_day_within_d: Annotated[int, Field(ge=1, le=365)] = 14
    lag_image: Image | None = None


class ArtifactConfig(_Strict):
    """Kafka's own release archive, in a bucket of the account: private subnets reach no other."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    key: Annotated[str, Field(min_length=1, max_length=1024)]
    sha512: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class AwsConfig(_Strict):
    """Where on AWS.

    Attributes:
        availability_zones: One for each of the zones a, b and c.
        vpc_cidr: Of the whole network.
        image_id: The hosts' image; Amazon Linux 2023 for the machine's processor when left out.
        kafka: What the hosts run.
        operator_cidrs: Where `pulumi up` and people at work connect from, over a network of yours
            that is joined to the VPC; none when left out.
        kubeconfig: Of a cluster for the fleets; one is made on EKS when left out.
        fleet_cidrs: Where the fleets of that cluster connect from.
        protect_data: Whether volumes and keys refuse to be destroyed until this is taken back; a
            drained broker's volume does not.
    """

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    availability_zones: tuple[str, str, str]
    vpc_cidr: Network = IPv4Network("10.20.0.0/16")
    image_id: Annotated[str, Field(pattern=r"^ami-[0-9a-f]{8,17}$")] | None = None
    kafka: ArtifactConfig
    operator_cidrs: tuple[Network, ...] = ()
    kubeconfig: Annotated[str | None, Field(repr=False), SECRET] = None
    fleet_cidrs: tuple[Network, ...] = ()
    protect_data: bool = True

    @field_validator("availability_zones")
    @classmethod
    def _three_of_them(cls, names: tuple[str, str, str]) -> tuple[str, str, str]:
        return _different(names)

    @field_validator("vpc_cidr")
    @classmethod
    def _wide_enough(cls, cidr: IPv4Network) -> IPv4Network:
        if not _WIDEST_PREFIX <= cidr.prefixlen <= _NARROWEST_PREFIX or not cidr.is_private:
            raise ValueError(f"a private network from /{_WIDEST_PREFIX} to /{_NARROWEST_PREFIX}")
        return cidr


class KubernetesConfig(_Strict):
    """Where on Kubernetes.

    Attributes:
        namespace: It is made, with everything in it.
        zones: The nodes' ``topology.kubernetes.io/zone`` labels for a, b and c.
        storage_class: Of the data volumes; the cluster's default when left out.
        context: Of the kubeconfig; the one in force when left out.
    """

    namespace: ObjectName = "quorate"
    zones: tuple[ZoneLabel, ZoneLabel, ZoneLabel] = ZONES
    storage_class: ObjectName | None = None
    context: str | None = None

    @field_validator("zones")
    @classmethod
    def _three_of_them(cls, labels: tuple[str, str, str]) -> tuple[str, str, str]:
        return _different(labels)


class LocalConfig(_Strict):
    """Where on this machine.

    Attributes:
        name: The lab's.
        cross_zone_latency_ms: One-way delay of every cross-zone hop.
    """

    name: ObjectName = "pulumi"
    cross_zone_latency_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0


class StackConfig(_Strict):
    """One stack.

    Attributes:
        target: What it is provisioned on; the section of that name says where.
        security: How clients prove who they are; ``plaintext`` only on this machine.
        instance_type: What is planned with, and nothing else: a demand that grows then grows the
            brokers in number, and every one that there is stays. The planner's choice if left out.
        drained_brokers: Ids of brokers that hold no replica any more: they may be removed.
        chaos: Whether game days may disturb it: links, tags and labels are only made then.
        keda: Whether KEDA is on the fleets' cluster to scale them on lag; without it they stay as
            they are planned.
        failover_target_s: A zone's loss is to be felt no longer by who writes, in any case that is
            predicted of the profile on the target.
        monitoring: None: nobody is told how to watch it.
        traces: Of the fleets; None: nothing is traced.
        broker_overrides: Further broker settings by Kafka's own names.
        waivers: What of the policies the stack is let off; see docs/policies.md.
    """

    target: Literal["local", "aws", "kubernetes"]
    demand: Demand
    instance_type: str | None = None
    drained_brokers: tuple[Annotated[int, Field(ge=1)], ...] = ()
    failover_profile: str = DEFAULT_PROFILE
    failover_target_s: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)] = TARGET_S
    security: Literal["plaintext", "scram", "mtls"] = "scram"
    topics: Annotated[tuple[TopicConfig, ...], Field(min_length=1)]
    fleets: tuple[FleetConfig, ...] = ()
    clients: tuple[ClientConfig, ...] = ()
    chaos: bool = False
    game_day: GameDayConfig | None = None
    keda: bool = True
    monitoring: MonitoringConfig | None = None
    traces: TracesConfig | None = None
    broker_overrides: dict[str, str] = {}
    waivers: tuple[Waiver, ...] = ()
    local: LocalConfig = LocalConfig()
    aws: AwsConfig | None = None
    kubernetes: KubernetesConfig = KubernetesConfig()

    @property
    def lag_image(self) -> str | None:
        """What says how far fleets are behind, where there are fleets and anybody asks."""
        return self.monitoring.lag_image if self.monitoring and self.fleets else None

    @property
    def lag_accesses(self) -> tuple[Access, ...]:
        """What that may do."""
        consumed = (topic for fleet in self.fleets for topic in fleet.consumes)
        return lag_accesses((fleet.name for fleet in self.fleets), consumed)

    @property
    def users(self) -> tuple[UserConfig, ...]:
        """Everyone who connects."""
        return (*self.fleets, *self.clients)

    @field_validator("game_day")
    @classmethod
    def _one_that_runs(
        cls, game_day: GameDayConfig | None, info: ValidationInfo
    ) -> GameDayConfig | None:
        possible = GAME_DAYS.get(info.data.get("target", ""), ())
        if game_day is None or game_day.experiment or not possible:
            return game_day
        return game_day.model_copy(update={"experiment": possible[0]})

    @field_validator("failover_profile")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"one of {', '.join(PROFILES)}")
        return name

    @field_validator("instance_type")
    @classmethod
    def _in_the_table(cls, name: str | None) -> str | None:
        known = [machine.name for machine in MACHINE_TYPES]
        if name is not None and name not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return name


#: What cannot be left out, where it has to be made up to judge the rest.
_STAND_INS: Mapping[str, object] = {
    "target": "local",
    "demand": {},
    "peak_events_per_s": 1,
    "mean_event_bytes": 1,
    "latency_ms": 1000,
    "topics": ({},),
    "name": "made-up-{place}",
    "image": "made-up:1",
    "consumes": (UNKNOWN_TOPIC,),
    "region": "zz-made-up-1",
    "availability_zones": ZONES,
    "kafka": {},
    "bucket": "made-up",
    "key": "made-up",
    "sha512": "0" * 128,
    "endpoint": "http://made-up",
    "secret": "made-up",
}
#: Lists of which an item is known by where it stands.
_NUMBERED = ("topics", "fleets", "clients")


def _different(zones: tuple[str, str, str]) -> tuple[str, str, str]:
    if len(set(zones)) < len(ZONES):
        raise ValueError("three different zones: the loss of one is to leave two")
    return zones


def parse_stack(fields: object, source: str) -> StackConfig:
    """Validate a stack's settings, and that they can be provisioned; paths begin with ``source``.

    Raises:
        BadInput: Every problem at once, also those between settings that are legal by themselves.
    """
    wrong: tuple[Problem, ...] = ()
    unsourced: tuple[Problem, ...]
    try:
        config = validated(StackConfig, fields, source)
        unsourced = tuple(stack_problems(config, ()))
    except BadInput as refused:
        wrong = refused.problems
        rest = mended(StackConfig, _overrides_as_text(fields), _STAND_INS, _NUMBERED)
        config = rest.value
        unsourced = (*rest.revealed, *stack_problems(config, rest.doubted))
    found = [replace(one, path=f"{source}: {one.path}") for one in unsourced]
    if wrong or found:
        raise BadInput((*wrong, *found))
    return config


def _overrides_as_text(fields: object) -> object:
    """One that is no text is wrong, and still says what it would set."""
    overrides = fields.get("broker_overrides") if isinstance(fields, Mapping) else None
    if not isinstance(fields, Mapping) or not isinstance(overrides, Mapping):
        return fields
    return {**fields, "broker_overrides": {str(key): str(one) for key, one in overrides.items()}}
