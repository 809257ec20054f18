"""The platform on this machine: a lab, its topics and what each client may take of it."""

import pulumi

from blueprint.blueprint import Blueprint
from components.local_cluster import LocalCluster, LocalClusterArgs
from components.topics import Topic


def declare(blueprint: Blueprint) -> pulumi.Output[dict[str, object]]:
    """Declare a stack of the target ``local``; returns its StackOutputs as a mapping."""
    config = blueprint.config
    cluster = LocalCluster(
        "local",
        LocalClusterArgs(
            name=config.local.name,
            profile=config.failover_profile,
            broker_overrides=dict(blueprint.broker_settings.overrides),
            security=config.security,
            cross_zone_latency_ms=config.local.cross_zone_latency_ms,
        ),
    )
    # What is in the lab goes with it: nobody need ask a cluster that is on its way out.
    within = pulumi.ResourceOptions(parent=cluster, deleted_with=cluster.lab)
    for topic in blueprint.topics:
        Topic(f"topic-{topic.name}", cluster.connection, topic, within)
    if blueprint.fleets:
        names = ", ".join(fleet.name for fleet in blueprint.fleets)
        pulumi.log.info(f"fleets are not deployed on this machine, what they need is: {names}")
    return cluster.outputs
