"""The blueprint of a stack: everything that any target provisions, decided before it does."""

from dataclasses import dataclass, replace

from blueprint.broker_settings import BrokerSettings
from blueprint.failover_profile import PROFILES, FailoverProfile
from blueprint.fleet_options import NEVER_CATCHES_UP
from blueprint.fleets import FleetSpec
from blueprint.host_settings import HostSettings, broker_overrides, host_settings
from blueprint.plan import ZONES, Plan
from blueprint.planner import plan as planned
from blueprint.producer_batching import producer_batching
from blueprint.quotas import Quota, quota
from blueprint.security import Security
from blueprint.stack_config import StackConfig, TopicConfig
from blueprint.stack_users import FleetConfig
from blueprint.topics import TopicSpec
from blueprint.topology import Topology, three_zones

_MS_PER_H = 3_600_000
#: Dead letters wait for people: two weeks, whatever is kept of the topics that they are of.
_DEAD_LETTERS_RETENTION_H = 336.0


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One platform, whichever target it is provisioned on."""

    config: StackConfig
    plan: Plan
    topology: Topology
    broker_settings: BrokerSettings
    host: HostSettings
    topics: tuple[TopicSpec, ...]
    fleets: tuple[FleetSpec, ...]
    quotas: tuple[Quota, ...]

    @property
    def profile(self) -> FailoverProfile:
        """The failover time-outs of both sides."""
        return self.broker_settings.profile

    @property
    def aim(self) -> dict[str, float]:
        """What the stack is to reach, as its components tell policies: per second, and seconds."""
        return {
            "planned_events_per_s": self.plan.demand.planned_events_per_s,
            "failover_target_s": self.config.failover_target_s,
        }


def blueprint_of(config: StackConfig) -> Blueprint:
    """Decide everything.

    Raises:
        BadInput: The demand fits no cluster. ``parse_stack`` has asked that and more before.
    """
    plan = planned(config.demand, instance_type=config.instance_type)
    per_zone = plan.brokers_per_zone.value
    overrides = broker_overrides(plan) | config.broker_overrides
    return Blueprint(
        config=config,
        plan=plan,
        topology=three_zones(per_zone),
        broker_settings=BrokerSettings(
            PROFILES[config.failover_profile],
            overrides=overrides,
            security=Security(config.security),
        ),
        host=host_settings(plan),
        topics=_topics(config, plan),
        fleets=_fleets(config, plan),
        quotas=_quotas(config, plan),
    )


def _topics(config: StackConfig, plan: Plan) -> tuple[TopicSpec, ...]:
    """What is declared, and of each fleet the topics of its own, if nobody declared them."""
    declared = {topic.name for topic in config.topics}
    letters = (
        TopicConfig(
            name=fleet.dead_letters, partitions=ZONES, retention_h=_DEAD_LETTERS_RETENTION_H
        )
        for fleet in config.fleets
        if fleet.dead_letters not in declared
    )
    deferred = (_deferred(fleet.deferred) for fleet in config.fleets if fleet.deferred)
    return (*(_topic(topic, plan) for topic in (*config.topics, *letters)), *deferred)


def _deferred(name: str) -> TopicSpec:
    """One log of what was put off, kept until all of it is done."""
    return _spec(name, 1, "delete", 2, -1)


def _topic(topic: TopicConfig, plan: Plan) -> TopicSpec:
    retention_h = topic.retention_h or plan.demand.retention_h
    return _spec(
        topic.name,
        topic.partitions or plan.partitions_per_topic.value,
        topic.cleanup_policy,
        topic.min_insync_replicas,
        round(retention_h * _MS_PER_H),
    )


def _spec(
    name: str, partitions: int, cleanup: str, min_insync: int, retention_ms: int
) -> TopicSpec:
    return TopicSpec(
        name=name,
        partitions=partitions,
        config={
            "cleanup.policy": cleanup,
            "min.insync.replicas": str(min_insync),
            "retention.ms": str(retention_ms),
            # Honoured in KRaft, and only looked at again every five minutes: said at creation.
            "unclean.leader.election.enable": "false",
        },
    )


def _fleets(config: StackConfig, plan: Plan) -> tuple[FleetSpec, ...]:
    partitions = {topic.name: _topic(topic, plan).partitions for topic in config.topics}
    specs = (_fleet(fleet, plan, partitions) for fleet in config.fleets)
    return tuple(replace(spec, traces=config.traces) for spec in specs)


def _fleet(fleet: FleetConfig, plan: Plan, partitions: dict[str, int]) -> FleetSpec:
    alone = fleet.dedup is not None and fleet.dedup.single
    most = 1 if alone else sum(partitions[topic] for topic in {*fleet.consumes})
    wanted = fleet.instances or plan.consumer_instances_per_group.value
    return FleetSpec(
        name=fleet.name,
        image=fleet.image,
        consumes=fleet.consumes,
        produces=fleet.produces,
        instances=min(wanted, most),
        most_instances=most,
        threads=plan.demand.consumer_threads,
        drain_deadline_s=fleet.drain_deadline_s,
        cpu_millis=fleet.cpu_millis,
        memory_mib=fleet.memory_mib,
        batching=producer_batching(plan, fleet.goal),
        catch_up=fleet.catch_up or NEVER_CATCHES_UP,
        dedup=fleet.dedup,
    )


def _quotas(config: StackConfig, plan: Plan) -> tuple[Quota, ...]:
    return tuple(
        quota(
            plan,
            user.name,
            consumes=bool(user.consumes),
            produces=bool(user.writes),
            sharers=len(config.users),
        )
        for user in config.users
    )
