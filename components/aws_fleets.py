"""What runs on Kubernetes beside a Kafka on EC2: fleets, their credentials, the game day."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.networking.v1 import IPBlockArgs, NetworkPolicyPeerArgs

from blueprint.access import LAG, SUITE
from blueprint.alerts import Watched
from blueprint.blueprint import Blueprint
from blueprint.fleet_contract import AUTHORITY, CERTIFICATE, KEY, PASSWORD
from blueprint.fleets import FleetSpec
from blueprint.operators import operators_wanted
from blueprint.security import Security
from blueprint.subnets import Purpose
from components.aws_addresses import AwsAddresses
from components.aws_principals import Principals
from components.consumer_fleet import ConsumerFleet, ConsumerFleetArgs
from components.fleet_network import Neighbours
from components.game_day_schedule import GameDaySchedule, GameDayScheduleArgs
from components.identities import Authority
from components.kafka_identity import KafkaIdentity
from components.lag_exporter import LagExporter, LagExporterArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.operators import OperatorsThere

NAMESPACE, GAME_DAY = "quorate", "game-day"
_AUTHORITY_SECRET = "quorate-authority"
#: Of EKS, which has none by default from Kubernetes 1.30 on.
DISKS = "quorate-gp3"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsArgs:
    """Whose.

    Attributes:
        zone_names: For each zone what the nodes' zone label says: AWS's name of it.
        needs: For each principal what has to be there before it can connect.
        topics: By name.
        outputs: StackOutputs as JSON.
        own_cluster: Whether they run on EKS that is made for them; else on a given cluster, whose
            default class of storage is taken.
        kubeconfig: How that cluster is reached.
    """

    blueprint: Blueprint
    addresses: AwsAddresses
    zone_names: Mapping[str, str]
    authority: Authority
    principals: Principals
    needs: Mapping[str, list[pulumi.Resource]]
    topics: Mapping[str, pulumi.Resource]
    outputs: pulumi.Output[str]
    own_cluster: bool
    kubeconfig: pulumi.Input[str]


class AwsFleets(pulumi.ComponentResource):
    """A namespace with everything that connects to the cluster from within."""

    def __init__(
        self, name: str, args: FleetsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:Fleets", name, {}, opts)
        self._args = args
        namespace = k8s.core.v1.Namespace(
            NAMESPACE,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                labels={
                    "app.kubernetes.io/part-of": "quorate",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._operators()]),
        )
        self._within = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        self._secret(_AUTHORITY_SECRET, {AUTHORITY: args.authority.certificate_pem})
        self._disks = self._storage_classes()
        for fleet in args.blueprint.fleets:
            self._fleet(fleet)
        if args.blueprint.config.lag_image is not None:
            self._lag(args.blueprint.config.lag_image)
        self._game_day()
        self._monitoring()
        self.register_outputs({"namespace": NAMESPACE})

    def _operators(self) -> OperatorsThere:
        wanted = operators_wanted(self._args.blueprint.config)
        child = pulumi.ResourceOptions(parent=self)
        return OperatorsThere("operators", wanted, self._args.kubeconfig, opts=child)

    def _fleet(self, fleet: FleetSpec) -> None:
        args = self._args
        secret, monitoring = self._credentials(fleet.name), args.blueprint.config.monitoring
        needs = [secret, *self._disks, *(args.topics[topic] for topic in fleet.topics)]
        ConsumerFleet(
            f"fleet-{fleet.name}",
            ConsumerFleetArgs(
                fleet=fleet,
                namespace=NAMESPACE,
                bootstrap=self._bootstrap(),
                bootstrap_by_zone=self._bootstrap_by_zone(),
                identity=self._identity(fleet.name),
                brokers=self._brokers(),
                broker_ports=list(args.addresses.ports.client.values()),
                profile=args.blueprint.profile,
                scaled_on_lag=args.blueprint.config.keda,
                scraped_from=monitoring.namespace if monitoring else None,
                storage_class=DISKS if self._disks else None,
            ),
            pulumi.ResourceOptions.merge(
                self._within,
                pulumi.ResourceOptions(depends_on=[*needs, *args.needs[fleet.name]]),
            ),
        )

    def _lag(self, image: str) -> None:
        args, secret = self._args, self._credentials(LAG.name)
        monitoring = args.blueprint.config.monitoring
        needs = [secret, *args.topics.values(), *args.needs[LAG.name]]
        LagExporter(
            LAG.name,
            LagExporterArgs(
                image=image,
                fleets=args.blueprint.fleets,
                namespace=NAMESPACE,
                bootstrap=self._bootstrap(),
                identity=self._identity(LAG.name),
                neighbours=Neighbours(
                    self._brokers(),
                    list(args.addresses.ports.client.values()),
                    scraped_from=monitoring.namespace if monitoring else None,
                ),
                profile=args.blueprint.profile,
            ),
            pulumi.ResourceOptions.merge(self._within, pulumi.ResourceOptions(depends_on=needs)),
        )

    def _bootstrap(self) -> str:
        return self._args.addresses.bootstrap(self._args.blueprint.topology.zones[0])

    def _bootstrap_by_zone(self) -> dict[str, str]:
        names, addresses = self._args.zone_names, self._args.addresses
        zones = self._args.blueprint.topology.zones
        return {names[zone]: addresses.bootstrap(zone) for zone in zones}

    def _brokers(self) -> list[NetworkPolicyPeerArgs]:
        subnets = self._args.addresses.subnets
        cidrs = [subnets.of(zone, Purpose.NODES) for zone in self._args.blueprint.topology.zones]
        return [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=str(cidr))) for cidr in cidrs]

    def _game_day(self) -> None:
        args = self._args
        config = args.blueprint.config.game_day
        if config is None:
            return
        secret, disks = self._credentials(SUITE.name), self._disks
        GameDaySchedule(
            GAME_DAY,
            GameDayScheduleArgs(
                config=config,
                namespace=NAMESPACE,
                outputs=args.outputs,
                identity=self._identity(SUITE.name),
                storage_class=DISKS if disks else None,
            ),
            pulumi.ResourceOptions.merge(
                self._within,
                pulumi.ResourceOptions(depends_on=[secret, *disks, *args.needs[SUITE.name]]),
            ),
        )

    def _storage_classes(self) -> list[pulumi.Resource]:
        """Of EKS that is made here, where anything is kept on it."""
        blueprint = self._args.blueprint
        kept = blueprint.config.game_day is not None or any(
            fleet.single for fleet in blueprint.fleets
        )
        if not (kept and self._args.own_cluster):
            return []
        made = k8s.storage.v1.StorageClass(
            DISKS,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=DISKS),
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true"},
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            opts=self._within,
        )
        return [made]

    def _monitoring(self) -> None:
        """Of the fleets: no metrics of brokers that are hosts of their own are to be had here."""
        stack = self._args.blueprint.config
        config = stack.monitoring
        if config is None:
            return
        days = config.game_day_within_d if stack.game_day else None
        watched = Watched(NAMESPACE, brokers=False, game_day_within_d=days)
        Monitoring("monitoring", MonitoringArgs(config, watched, None), self._within)

    def _identity(self, name: str) -> KafkaIdentity:
        return KafkaIdentity(
            security=self._args.blueprint.broker_settings.security,
            principal=name,
            secret=name,
            authority_secret=_AUTHORITY_SECRET,
        )

    def _credentials(self, name: str) -> k8s.core.v1.Secret:
        identity = self._args.principals.identities[name]
        if self._args.blueprint.broker_settings.security is Security.SCRAM:
            return self._secret(name, {PASSWORD: identity.password})
        return self._secret(name, {CERTIFICATE: identity.certificate_pem, KEY: identity.key_pem})

    def _secret(self, name: str, data: Mapping[str, pulumi.Output[str]]) -> k8s.core.v1.Secret:
        hidden: dict[str, pulumi.Output[str]] = {
            key: pulumi.Output.secret(value) for key, value in data.items()
        }
        return k8s.core.v1.Secret(
            f"{name}-secret",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=NAMESPACE),
            string_data=hidden,
            opts=self._within,
        )
