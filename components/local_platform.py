"""The platform on this machine: a lab, its topics, who may use them, and how much of it."""

from collections.abc import Mapping
from typing import Any

import pulumi

from blueprint.access import Principal
from blueprint.blueprint import Blueprint
from blueprint.security import Security
from blueprint.stack_users import UserConfig
from components.access import PrincipalAccess, ScramUser
from components.local_cluster import LocalCluster, LocalClusterArgs, LocalIdentity
from components.quotas import ClientQuota
from components.topics import Topic


def declare(blueprint: Blueprint) -> pulumi.Output[dict[str, object]]:
    """Declare a stack of the target ``local``; returns its StackOutputs as a mapping."""
    config, security = blueprint.config, Security(blueprint.config.security)
    cluster = LocalCluster("local", cluster_args(blueprint))
    within = _within(cluster)
    for topic in blueprint.topics:
        Topic(f"topic-{topic.name}", cluster.connection, topic, within)
    for quota in blueprint.quotas:
        ClientQuota(f"quota-{quota.user}", cluster.connection, quota, security, within)
    if security is not Security.PLAINTEXT:
        files = {user.name: _let_in(cluster, user, security) for user in config.users}
        pulumi.export("credentials", files)
    if blueprint.fleets:
        names = ", ".join(fleet.name for fleet in blueprint.fleets)
        pulumi.log.info(f"not run on this machine, but let in and bounded: fleets {names}")
    return cluster.outputs.apply(lambda said: _permitting(said, config.chaos))


def cluster_args(blueprint: Blueprint) -> LocalClusterArgs:
    """What a blueprint asks a lab for."""
    config = blueprint.config
    return LocalClusterArgs(
        name=config.local.name,
        profile=config.failover_profile,
        broker_overrides=dict(blueprint.broker_settings.overrides),
        aim=blueprint.aim,
        security=Security(config.security),
        cross_zone_latency_ms=config.local.cross_zone_latency_ms,
    )


def _permitting(said: Mapping[str, Any], chaos: bool) -> dict[str, object]:
    """What the lab says of itself, and whether its stack lets the chaos suite disturb it."""
    return {**said, "lab": {**said["lab"], "chaos": chaos}}


def _let_in(cluster: LocalCluster, user: UserConfig, security: Security) -> pulumi.Output[str]:
    """Make a user and what he may do; returns where his credentials are."""
    within, principal = _within(cluster), Principal(user.name)
    identity = LocalIdentity(f"identity-{user.name}", cluster, principal, within)
    if security is Security.SCRAM:
        ScramUser(f"user-{user.name}", cluster.connection, principal, identity.password, within)
    PrincipalAccess(f"access-{user.name}", cluster.connection, principal, user.accesses, within)
    return identity.file


def _within(cluster: LocalCluster) -> pulumi.ResourceOptions:
    """What is in the lab goes with it: nobody need ask a cluster that is on its way out."""
    return pulumi.ResourceOptions(parent=cluster, deleted_with=cluster.lab)
