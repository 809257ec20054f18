"""The platform on Kubernetes: a namespace with a cluster of Strimzi's, topics, users and fleets."""

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgs

from blueprint.access import LAG, SUITE, suite_accesses
from blueprint.alerts import Watched
from blueprint.blueprint import Blueprint
from blueprint.fleets import FleetSpec
from blueprint.labels import CLUSTER_LABEL, FLEET_LABEL
from blueprint.operators import operators_wanted
from blueprint.stack_config import MonitoringConfig
from blueprint.strimzi_names import CLIENT_PORT, StrimziNames
from components.brokers_kept import BrokersKept
from components.consumer_fleet import ConsumerFleet, ConsumerFleetArgs
from components.fleet_network import Neighbours
from components.game_day_schedule import SUITE_LABEL, GameDaySchedule, GameDayScheduleArgs
from components.kafka_identity import KafkaIdentity
from components.kafka_topics import KafkaTopics, KafkaTopicsArgs, promised
from components.kafka_users import KafkaUser, KafkaUsers, KafkaUsersArgs
from components.lag_exporter import LagExporter, LagExporterArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.operators import OperatorsThere
from components.strimzi_cluster import StrimziCluster, StrimziClusterArgs
from components.strimzi_outputs import CHAOS_LABEL, as_mapping, in_cluster, stack_outputs
from components.toxiproxy import TOXIPROXY_LABEL, Toxiproxy, ToxiproxyArgs

CLUSTER = "kafka"
#: Where KEDA is installed unless somebody says otherwise; it asks brokers for the fleets' lag.
KEDA_NAMESPACE = "keda"
#: What a pod of another namespace carries to reach the brokers' listener; Kafka asks who it is.
CLIENT_LABEL = "quorate.io/client"


def declare(blueprint: Blueprint) -> pulumi.Output[dict[str, object]]:
    """Declare a stack of the target ``kubernetes``; returns its StackOutputs as a mapping."""
    platform = KubernetesPlatform("kubernetes", blueprint)
    return platform.outputs


class KubernetesPlatform(pulumi.ComponentResource):
    """Everything in one namespace.

    Attributes:
        outputs: StackOutputs as a mapping.
    """

    outputs: pulumi.Output[dict[str, object]]

    def __init__(
        self, name: str, blueprint: Blueprint, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it all, through the context that the stack names, or the one in force."""
        config = blueprint.config
        super().__init__("quorate:kubernetes:Platform", name, blueprint.aim, opts)
        self._blueprint = blueprint
        self._names = StrimziNames(CLUSTER, config.kubernetes.namespace)
        self._labels = dict(zip(blueprint.topology.zones, config.kubernetes.zones, strict=True))
        self._within = self._provided(name)
        namespace = self._namespace()
        self._made = pulumi.ResourceOptions.merge(
            self._within, pulumi.ResourceOptions(depends_on=[namespace])
        )
        said = stack_outputs(blueprint, self._names, pulumi.get_stack())
        cluster = self._cluster()
        self._ready = pulumi.ResourceOptions.merge(
            self._made, pulumi.ResourceOptions(depends_on=[cluster.kafka])
        )
        self._topics_users_and_fleets()
        if config.chaos:
            self._proxies()
        if config.monitoring is not None:
            self._monitoring(config.monitoring)
        if config.game_day is not None:
            self._game_day(in_cluster(said).to_json())
        self.outputs = pulumi.Output.from_input(dict(as_mapping(said)))
        self.register_outputs(
            blueprint.aim | {"namespace": self._names.namespace, "cluster": CLUSTER}
        )

    def _provided(self, name: str) -> pulumi.ResourceOptions:
        context = self._blueprint.config.kubernetes.context
        if context is None:
            return pulumi.ResourceOptions(parent=self)
        provider = k8s.Provider(name, context=context, opts=pulumi.ResourceOptions(parent=self))
        return pulumi.ResourceOptions(parent=self, providers=[provider])

    def _namespace(self) -> k8s.core.v1.Namespace:
        enforced = {
            f"pod-security.kubernetes.io/{mode}": "restricted"
            for mode in ("enforce", "audit", "warn")
        }
        own = pulumi.ResourceOptions(parent=self)
        promises = promised(self._blueprint.topics, own)
        promises.append(BrokersKept("brokers-kept", self._blueprint, own))
        promises.append(self._operators(own))
        return k8s.core.v1.Namespace(
            self._names.namespace,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=self._names.namespace,
                labels={"app.kubernetes.io/part-of": "quorate", **enforced, **self._chaos()},
            ),
            opts=pulumi.ResourceOptions.merge(
                self._within, pulumi.ResourceOptions(depends_on=promises)
            ),
        )

    def _operators(self, opts: pulumi.ResourceOptions) -> OperatorsThere:
        config, given = self._blueprint.config, None
        if config.kubernetes.context is None:
            # Of the default provider, which whatever names no context is made by.
            given = pulumi.Config("kubernetes").get_secret("kubeconfig")
        context = config.kubernetes.context or pulumi.Config("kubernetes").get("context")
        return OperatorsThere("operators", operators_wanted(config), given, context, opts)

    def _chaos(self) -> dict[str, str]:
        return {CHAOS_LABEL[0]: CHAOS_LABEL[1]} if self._blueprint.config.chaos else {}

    def _cluster(self) -> StrimziCluster:
        allowed = self._blueprint.config.chaos
        return StrimziCluster(
            CLUSTER,
            StrimziClusterArgs(
                blueprint=self._blueprint,
                names=self._names,
                zone_labels=self._labels,
                admitted=list(_admitted(self._blueprint)),
                suite=[_pods(SUITE_LABEL, "true"), _pods(TOXIPROXY_LABEL)] if allowed else (),
                chaos_label=CHAOS_LABEL if allowed else None,
            ),
            opts=self._made,
        )

    def _topics_users_and_fleets(self) -> None:
        blueprint = self._blueprint
        topics = KafkaTopics("topics", KafkaTopicsArgs(blueprint.topics, self._names), self._ready)
        users = KafkaUsers(
            "users",
            KafkaUsersArgs(_users(blueprint), blueprint.broker_settings.security, self._names),
            self._ready,
        )
        for fleet in blueprint.fleets:
            needed = [users.users[fleet.name]]
            needed += [topics.topics[topic] for topic in fleet.topics]
            self._fleet(fleet, pulumi.ResourceOptions(depends_on=needed))
        if blueprint.config.lag_image is not None:
            needed = [users.users[LAG.name], *topics.topics.values()]
            self._lag(blueprint.config.lag_image, pulumi.ResourceOptions(depends_on=needed))

    def _fleet(self, fleet: FleetSpec, needs: pulumi.ResourceOptions) -> None:
        monitoring = self._blueprint.config.monitoring
        ConsumerFleet(
            f"fleet-{fleet.name}",
            ConsumerFleetArgs(
                fleet=fleet,
                namespace=self._names.namespace,
                bootstrap=str(self._names.bootstrap),
                identity=self._identity(fleet.name),
                brokers=[_brokers()],
                broker_ports=[CLIENT_PORT],
                profile=self._blueprint.profile,
                scaled_on_lag=self._blueprint.config.keda,
                scraped_from=monitoring.namespace if monitoring else None,
            ),
            opts=pulumi.ResourceOptions.merge(self._ready, needs),
        )

    def _lag(self, image: str, needs: pulumi.ResourceOptions) -> None:
        monitoring = self._blueprint.config.monitoring
        LagExporter(
            LAG.name,
            LagExporterArgs(
                image=image,
                fleets=self._blueprint.fleets,
                namespace=self._names.namespace,
                bootstrap=str(self._names.bootstrap),
                identity=self._identity(LAG.name),
                neighbours=Neighbours(
                    [_brokers()],
                    [CLIENT_PORT],
                    scraped_from=monitoring.namespace if monitoring else None,
                ),
                profile=self._blueprint.profile,
            ),
            opts=pulumi.ResourceOptions.merge(self._ready, needs),
        )

    def _identity(self, name: str) -> KafkaIdentity:
        return KafkaIdentity(
            security=self._blueprint.broker_settings.security,
            principal=name,
            secret=name,
            authority_secret=self._names.authority_secret,
        )

    def _proxies(self) -> None:
        for zone, label in self._labels.items():
            Toxiproxy(
                f"toxiproxy-{zone}",
                ToxiproxyArgs(self._names, self._blueprint.topology, zone, label, CHAOS_LABEL),
                opts=self._made,
            )

    def _monitoring(self, config: MonitoringConfig) -> None:
        days = config.game_day_within_d if self._blueprint.config.game_day else None
        # Of the cluster's pods the operator's own answer nothing there.
        nodes = {CLUSTER_LABEL: CLUSTER, "strimzi.io/name": self._names.pods}
        watched = Watched(self._names.namespace, brokers=True, game_day_within_d=days)
        Monitoring("monitoring", MonitoringArgs(config, watched, nodes), opts=self._made)

    def _game_day(self, outputs: str) -> None:
        config = self._blueprint.config
        if config.game_day is None:
            return
        GameDaySchedule(
            "game-day",
            GameDayScheduleArgs(
                config=config.game_day,
                namespace=self._names.namespace,
                outputs=outputs,
                identity=self._identity(SUITE.name),
                storage_class=config.kubernetes.storage_class,
            ),
            opts=self._ready,
        )


def _users(blueprint: Blueprint) -> list[KafkaUser]:
    quotas = {quota.user: quota for quota in blueprint.quotas}
    users = [
        KafkaUser(
            user.name,
            user.accesses,
            quotas.get(user.name),
        )
        for user in blueprint.config.users
    ]
    if blueprint.config.chaos:
        users.append(KafkaUser(SUITE.name, suite_accesses()))
    if blueprint.config.lag_image is not None:
        users.append(KafkaUser(LAG.name, blueprint.config.lag_accesses))
    return users


def _brokers() -> NetworkPolicyPeerArgs:
    selector = k8s.meta.v1.LabelSelectorArgs(match_labels={CLUSTER_LABEL: CLUSTER})
    return NetworkPolicyPeerArgs(pod_selector=selector)


def _admitted(blueprint: Blueprint) -> Iterator[Mapping[str, object]]:
    """Who may reach the listener of clients: whom Kafka then asks who he is."""
    yield _pods(FLEET_LABEL)
    yield {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": KEDA_NAMESPACE}}}
    for client in blueprint.config.clients:
        yield _pods(CLIENT_LABEL, client.name) | {"namespaceSelector": {}}
        for cidr in client.cidrs:
            yield {"ipBlock": {"cidr": str(cidr)}}


def _pods(label: str, value: str | None = None) -> dict[str, Any]:
    """Pods of the own namespace that carry a label, of whichever value when none is given."""
    if value is not None:
        return {"podSelector": {"matchLabels": {label: value}}}
    return {"podSelector": {"matchExpressions": [{"key": label, "operator": "Exists"}]}}
