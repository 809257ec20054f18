"""Proxies for game days: one process a zone, before every broker of the other zones.

Only where the stack allows chaos, and only the game day's own clients go through them: their
listeners are advertised here, while fleets and clients talk to brokers directly.
"""

import json
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, core, meta, networking

from blueprint.labels import CLUSTER_LABEL, ZONE_LABEL
from blueprint.outputs import LinkOutput
from blueprint.strimzi_names import TOXIPROXY_API_PORT, StrimziNames, chaos_port
from blueprint.topology import Link, Plane, Topology
from components import restricted_pods
from components.frozen_config import frozen_config
from components.game_day_schedule import SUITE_LABEL

IMAGE = "ghcr.io/shopify/toxiproxy:2.12.0"
TOXIPROXY_LABEL = "quorate.io/toxiproxy"
_CONFIG_FOLDER = "/etc/toxiproxy"
_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class ToxiproxyArgs:
    """The proxies of one zone's clients.

    Attributes:
        zone: Whose clients go through them; its proxies run there.
        zone_label: Its nodes' label.
        chaos_label: What says that they may be disturbed.
    """

    names: StrimziNames
    topology: Topology
    zone: str
    zone_label: str
    chaos_label: tuple[str, str]
    image: str = IMAGE


class Toxiproxy(pulumi.ComponentResource):
    """Deployment, service, configuration and network policy of one zone's proxies.

    Attributes:
        service: The service's name.
    """

    service: pulumi.Output[str]

    def __init__(
        self, name: str, args: ToxiproxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything; the objects are named as the service is."""
        super().__init__("quorate:kubernetes:Toxiproxy", name, {}, opts)
        self._name, self._args = name, args
        self._labels = {TOXIPROXY_LABEL: args.zone}
        self._child = pulumi.ResourceOptions(parent=self)
        self._links = client_links(args.topology, args.zone)
        config = proxies_json(args.names, self._links)
        self._config = frozen_config(
            f"{name}-links", self._metadata(), {"proxies.json": config}, self._child
        )
        self._deployment()
        self._network_policy()
        self.service = self._service().metadata.name
        self.register_outputs({"service": self.service})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        key, value = self._args.chaos_label
        return meta.v1.ObjectMetaArgs(
            name=self._args.names.toxiproxy(self._args.zone),
            namespace=self._args.names.namespace,
            labels=self._labels | {key: value},
        )

    def _deployment(self) -> None:
        apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=apps.v1.DeploymentSpecArgs(
                # One: what was injected is in the memory of one process.
                replicas=1,
                strategy=apps.v1.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.v1.LabelSelectorArgs(match_labels=self._labels),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels),
                    spec=self._pod(),
                ),
            ),
            opts=self._child,
        )

    def _pod(self) -> core.v1.PodSpecArgs:
        source = core.v1.ConfigMapVolumeSourceArgs(name=self._config.metadata.name)
        return core.v1.PodSpecArgs(
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=restricted_pods.pod_security(),
            node_selector={ZONE_LABEL: self._args.zone_label},
            containers=[self._container()],
            volumes=[core.v1.VolumeArgs(name="config", config_map=source)],
        )

    def _container(self) -> core.v1.ContainerArgs:
        mount = core.v1.VolumeMountArgs(name="config", mount_path=_CONFIG_FOLDER, read_only=True)
        return core.v1.ContainerArgs(
            name="toxiproxy",
            image=self._args.image,
            args=["-host=0.0.0.0", f"-config={_CONFIG_FOLDER}/proxies.json"],
            ports=[
                core.v1.ContainerPortArgs(name="api", container_port=TOXIPROXY_API_PORT),
            ],
            readiness_probe=core.v1.ProbeArgs(
                http_get=core.v1.HTTPGetActionArgs(path="/version", port="api")
            ),
            resources=core.v1.ResourceRequirementsArgs(
                requests={"cpu": "250m", "memory": "128Mi"}, limits={"memory": "512Mi"}
            ),
            security_context=restricted_pods.container_security(),
            volume_mounts=[mount],
        )

    def _service(self) -> core.v1.Service:
        ports = {"api": TOXIPROXY_API_PORT} | {
            f"link-{link.node.id}": self._args.names.link(self._args.zone, link.node).port
            for link in self._links
        }
        return core.v1.Service(
            self._name,
            metadata=self._metadata(),
            spec=core.v1.ServiceSpecArgs(
                selector=self._labels,
                ports=[core.v1.ServicePortArgs(name=n, port=p) for n, p in ports.items()],
            ),
            opts=self._child,
        )

    def _network_policy(self) -> None:
        """The chaos suite alone gets in; brokers and DNS alone are reached."""
        suite = networking.v1.NetworkPolicyPeerArgs(
            pod_selector=meta.v1.LabelSelectorArgs(match_labels={SUITE_LABEL: "true"})
        )
        brokers = networking.v1.NetworkPolicyPeerArgs(
            pod_selector=meta.v1.LabelSelectorArgs(
                match_labels={CLUSTER_LABEL: self._args.names.cluster}
            )
        )
        to_brokers = networking.v1.NetworkPolicyEgressRuleArgs(
            to=[brokers], ports=[_port(chaos_port(self._args.zone))]
        )
        to_dns = networking.v1.NetworkPolicyEgressRuleArgs(
            ports=[_port(_DNS_PORT, "UDP"), _port(_DNS_PORT)]
        )
        networking.v1.NetworkPolicy(
            self._name,
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=self._labels),
                policy_types=["Ingress", "Egress"],
                ingress=[networking.v1.NetworkPolicyIngressRuleArgs(from_=[suite])],
                egress=[to_brokers, to_dns],
            ),
            opts=self._child,
        )


def client_links(topology: Topology, zone: str) -> tuple[Link, ...]:
    """The links of a zone's clients to brokers of the other zones: all that can be proxied here.

    Replication and the quorum are Strimzi's own listeners, which advertise the pods themselves.
    """
    return tuple(
        link for link in topology.links() if link.source_zone == zone and link.plane is Plane.CLIENT
    )


def proxies_json(names: StrimziNames, links: tuple[Link, ...]) -> str:
    """What toxiproxy begins with; a process that starts anew is healed."""
    proxies = [
        {
            "name": link.name,
            "listen": f"0.0.0.0:{names.link(link.source_zone, link.node).port}",
            "upstream": str(names.behind_link(link.source_zone, link.node)),
            "enabled": True,
        }
        for link in links
    ]
    return json.dumps(proxies, indent=1)


def link_outputs(names: StrimziNames, topology: Topology) -> tuple[LinkOutput, ...]:
    """What StackOutputs say of all of them."""
    return tuple(
        LinkOutput(
            name=link.name,
            source_zone=zone,
            node_id=link.node.id,
            plane=link.plane,
            listen=str(names.link(zone, link.node)),
            upstream=str(names.behind_link(zone, link.node)),
            api=str(names.toxiproxy_api(zone)),
        )
        for zone in topology.zones
        for link in client_links(topology, zone)
    )


def _port(port: int, protocol: str = "TCP") -> networking.v1.NetworkPolicyPortArgs:
    return networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
