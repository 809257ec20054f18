"""Whom a fleet's pods may reach, and who may reach them: what the stack says, and nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import meta, networking

from blueprint.fleet_contract import HEALTH_PORT
from blueprint.fleet_options import PostgresConfig, TracesConfig

_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of the pods of one fleet.

    Attributes:
        brokers: Where they are.
        broker_ports: Theirs.
        reached: What is connected to besides.
        scraped_from: The namespace that may ask for metrics; None: nobody may.
    """

    brokers: Sequence[networking.v1.NetworkPolicyPeerArgs]
    broker_ports: Sequence[int]
    reached: Sequence[PostgresConfig | TracesConfig] = ()
    scraped_from: str | None = None


def fleet_network_policy(
    name: str,
    metadata: meta.v1.ObjectMetaArgs,
    selector: meta.v1.LabelSelectorArgs,
    neighbours: Neighbours,
    opts: pulumi.ResourceOptions,
) -> networking.v1.NetworkPolicy:
    """Declare it. Other policies add to it.

    The kubelet's probes come from the node itself, which no policy keeps out.
    """
    ports = [_port(port) for port in neighbours.broker_ports]
    return networking.v1.NetworkPolicy(
        name,
        metadata=metadata,
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=selector,
            policy_types=["Ingress", "Egress"],
            ingress=_from_namespace(neighbours.scraped_from),
            egress=[
                networking.v1.NetworkPolicyEgressRuleArgs(to=neighbours.brokers, ports=ports),
                *map(_to, neighbours.reached),
                networking.v1.NetworkPolicyEgressRuleArgs(
                    ports=[_port(_DNS_PORT, "UDP"), _port(_DNS_PORT)]
                ),
            ],
        ),
        opts=opts,
    )


def _from_namespace(name: str | None) -> list[networking.v1.NetworkPolicyIngressRuleArgs] | None:
    if name is None:
        return None
    peers = [_namespace(name)]
    return [networking.v1.NetworkPolicyIngressRuleArgs(from_=peers, ports=[_port(HEALTH_PORT)])]


def _to(one: PostgresConfig | TracesConfig) -> networking.v1.NetworkPolicyEgressRuleArgs:
    peers = [
        networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=str(cidr)))
        for cidr in one.cidrs
    ]
    if one.namespace is not None:
        peers.append(_namespace(one.namespace))
    return networking.v1.NetworkPolicyEgressRuleArgs(to=peers, ports=[_port(one.port)])


def _namespace(name: str) -> networking.v1.NetworkPolicyPeerArgs:
    selector = meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": name})
    return networking.v1.NetworkPolicyPeerArgs(namespace_selector=selector)


def _port(port: int, protocol: str = "TCP") -> networking.v1.NetworkPolicyPortArgs:
    return networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
