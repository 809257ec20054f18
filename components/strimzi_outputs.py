"""What the chaos suite is told of a cluster on Kubernetes."""

from collections.abc import Mapping

from blueprint import strimzi
from blueprint.access import SUITE
from blueprint.blueprint import Blueprint
from blueprint.client_settings import producer_settings
from blueprint.listeners import Endpoint
from blueprint.outputs import (
    CredentialsOutput,
    KubernetesOutput,
    NodeOutput,
    SecurityOutput,
    StackOutputs,
)
from blueprint.security import security_output
from blueprint.strimzi_names import CLIENT_PORT, StrimziNames, chaos_port
from blueprint.topology import Node, Role
from components.toxiproxy import link_outputs

#: Without it no pod is touched; only a stack that allows chaos gives it.
CHAOS_LABEL = ("quorate.io/chaos", "allowed")
#: Strimzi's own listener of every controller.
_CONTROLLER_PORT = 9090
#: Brokers of each zone in a bootstrap list: one is enough, and a second is for its restart.
_BOOTSTRAP_PER_ZONE = 2


def stack_outputs(blueprint: Blueprint, names: StrimziNames, stack: str) -> StackOutputs:
    """The outputs of a stack of the target ``kubernetes``."""
    config, topology = blueprint.config, blueprint.topology
    bootstrap = {zone: _bootstrap(blueprint, names, zone) for zone in topology.zones}
    return StackOutputs(
        stack=stack,
        target="kubernetes",
        cluster_id=f"{names.namespace}/{names.cluster}",
        zones=topology.zones,
        nodes=tuple(_node(blueprint, names, node) for node in topology.nodes),
        bootstrap_servers=bootstrap,
        links=link_outputs(names, topology) if config.chaos else (),
        profile=blueprint.profile.name,
        broker_settings=strimzi.config(topology, blueprint.broker_settings),
        client_settings=producer_settings(blueprint.profile, bootstrap[topology.zones[0]]),
        security=_security(blueprint, names),
        kubernetes=KubernetesOutput(
            namespace=names.namespace,
            cluster=names.cluster,
            context=config.kubernetes.context,
            chaos_label=CHAOS_LABEL if config.chaos else None,
        ),
    )


def in_cluster(outputs: StackOutputs) -> StackOutputs:
    """The same for who runs inside the cluster, where there is no context to choose."""
    if outputs.kubernetes is None:
        return outputs
    inside = outputs.kubernetes.model_copy(update={"context": None})
    return outputs.model_copy(update={"kubernetes": inside})


def as_mapping(outputs: StackOutputs) -> Mapping[str, object]:
    """As a stack exports them."""
    return outputs.model_dump(mode="json", by_alias=True)


def _security(blueprint: Blueprint, names: StrimziNames) -> SecurityOutput | None:
    at = CredentialsOutput(source="kubernetes-secret", at=f"{names.namespace}/{SUITE.name}")
    said = security_output(blueprint.broker_settings.security, "", at)
    authority = f"{names.namespace}/{names.authority_secret}"
    return said.model_copy(update={"ca_secret": authority}) if said else None


def _node(blueprint: Blueprint, names: StrimziNames, node: Node) -> NodeOutput:
    client_port = chaos_port(node.zone) if blueprint.config.chaos else CLIENT_PORT
    return NodeOutput(
        id=node.id,
        name=node.name,
        role=node.role,
        zone=node.zone,
        host=names.host(node),
        port=client_port if node.role is Role.BROKER else _CONTROLLER_PORT,
    )


def _bootstrap(blueprint: Blueprint, names: StrimziNames, zone: str) -> str:
    """Brokers of every zone, the own zone's first."""
    if not blueprint.config.chaos:
        return str(names.bootstrap)
    topology = blueprint.topology
    order = sorted(topology.zones, key=lambda other: other != zone)
    found: list[Endpoint] = []
    for other in order:
        brokers = [node for node in topology.brokers if node.zone == other]
        found += [names.advertised(zone, node) for node in brokers[:_BOOTSTRAP_PER_ZONE]]
    return ",".join(map(str, found))
