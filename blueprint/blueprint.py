"""The blueprint of a stack: everything that any target provisions, decided before it does."""

from dataclasses import dataclass

from blueprint.broker_settings import BrokerSettings
from blueprint.failover_profile import PROFILES, FailoverProfile
from blueprint.fleets import FleetSpec
from blueprint.host_settings import HostSettings, broker_overrides, host_settings
from blueprint.plan import ZONES, Plan
from blueprint.planner import plan as planned
from blueprint.producer_batching import producer_batching
from blueprint.quotas import Quota, quota
from blueprint.security import Security
from blueprint.stack_config import FleetConfig, StackConfig, TopicConfig
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
    """What is declared, and for each fleet a topic of dead letters that is not declared itself."""
    declared = {topic.name for topic in config.topics}
    letters = (
        TopicConfig(
            name=fleet.dead_letters, partitions=ZONES, retention_h=_DEAD_LETTERS_RETENTION_H
        )
        for fleet in config.fleets
        if fleet.dead_letters not in declared
    )
    return tuple(_topic(topic, plan) for topic in (*config.topics, *letters))


def _topic(topic: TopicConfig, plan: Plan) -> TopicSpec:
    retention_h = topic.retention_h or plan.demand.retention_h
    return TopicSpec(
        name=topic.name,
        partitions=topic.partitions or plan.partitions_per_topic.value,
        config={
            "cleanup.policy": topic.cleanup_policy,
            "min.insync.replicas": str(topic.min_insync_replicas),
            "retention.ms": str(round(retention_h * _MS_PER_H)),
            # Honoured in KRaft, and only looked at again every five minutes: said at creation.
            "unclean.leader.election.enable": "false",
        },
    )


def _fleets(config: StackConfig, plan: Plan) -> tuple[FleetSpec, ...]:
    partitions = {topic.name: _topic(topic, plan).partitions for topic in config.topics}
    return tuple(_fleet(fleet, plan, partitions) for fleet in config.fleets)


def _fleet(fleet: FleetConfig, plan: Plan, partitions: dict[str, int]) -> FleetSpec:
    most = sum(partitions[topic] for topic in fleet.consumes)
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
