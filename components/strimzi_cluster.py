"""Kafka by Strimzi: a node pool for each role and zone, settings from the blueprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint import strimzi
from blueprint.access import ADMIN
from blueprint.blueprint import Blueprint
from blueprint.labels import CLUSTER_LABEL, HOST_LABEL, ZONE_LABEL
from blueprint.machine_types import CONTROLLER_TYPE
from blueprint.pod_sizes import PodSize, pod_size
from blueprint.security import Security
from blueprint.strimzi_names import (
    CLIENT_LISTENER,
    CLIENT_PORT,
    StrimziNames,
    chaos_listener,
    chaos_port,
)
from blueprint.topology import Node, Role

API = "kafka.strimzi.io/v1"
#: A controller keeps the metadata log and its snapshots: far below a GiB, and a volume is cheap.
CONTROLLER_DISK_GIB = 20
#: A clean stop moves every leadership first and flushes every log: Strimzi's own default of 30 s
#: ends a large broker in the middle, and its next start then recovers the log.
_STOP_S = 120
_WAIT_FOR_READY = {"pulumi.com/waitFor": "condition=Ready"}
_READY_WITHIN = pulumi.CustomTimeouts(create="30m", update="120m")


@dataclass(frozen=True, slots=True)
class StrimziClusterArgs:
    """One cluster.

    Attributes:
        names: What it is called, and where.
        zone_labels: The nodes' zone label for each logical zone.
        admitted: NetworkPolicy peers that may reach the listener of clients.
        suite: Peers that may reach the listeners behind proxies; empty where there is no chaos.
        chaos_label: Key and value that its pods carry where game days may disturb them.
    """

    blueprint: Blueprint
    names: StrimziNames
    zone_labels: Mapping[str, str]
    admitted: Sequence[Mapping[str, object]]
    suite: Sequence[Mapping[str, object]] = ()
    chaos_label: tuple[str, str] | None = None


class StrimziCluster(pulumi.ComponentResource):
    """A Kafka resource and its node pools.

    Attributes:
        kafka: The Kafka resource; what needs the cluster depends on it.
        config: What it says under ``spec.kafka.config``.
    """

    kafka: CustomResource
    config: pulumi.Output[dict[str, str]]

    def __init__(
        self, name: str, args: StrimziClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them.

        Raises:
            BadInput: Settings that contradict each other; every problem at once.
        """
        super().__init__("quorate:kubernetes:StrimziCluster", name, {}, opts)
        self._args = args
        config = strimzi.config(args.blueprint.topology, args.blueprint.broker_settings)
        pools = [self._pool(nodes) for nodes in self._pools()]
        self.kafka = CustomResource(
            name,
            api_version=API,
            kind="Kafka",
            metadata=ObjectMetaArgs(
                name=args.names.cluster,
                namespace=args.names.namespace,
                annotations=_WAIT_FOR_READY,
            ),
            spec=self._spec(config),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=pools, custom_timeouts=_READY_WITHIN
            ),
        )
        self.config = pulumi.Output.from_input(config)
        self.register_outputs({"cluster": args.names.cluster, "config": config})

    def _pools(self) -> list[tuple[Node, ...]]:
        topology = self._args.blueprint.topology
        return [
            tuple(node for node in nodes if node.zone == zone)
            for nodes in (topology.controllers, topology.brokers)
            for zone in topology.zones
        ]

    def _pool(self, nodes: tuple[Node, ...]) -> CustomResource:
        args, first = self._args, nodes[0]
        ids = ",".join(str(node.id) for node in nodes)
        return CustomResource(
            f"{args.names.cluster}-{args.names.pool(first)}",
            api_version=API,
            kind="KafkaNodePool",
            metadata=ObjectMetaArgs(
                name=args.names.pool(first),
                namespace=args.names.namespace,
                labels={CLUSTER_LABEL: args.names.cluster},
                # The ids are the blueprint's on every target; without this the operator counts.
                annotations={"strimzi.io/next-node-ids": f"[{ids}]"},
            ),
            spec=self._pool_spec(first, len(nodes)),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _pool_spec(self, first: Node, replicas: int) -> Mapping[str, object]:
        plan = self._args.blueprint.plan
        broker = first.role is Role.BROKER
        size = pod_size(first.role, plan.machine if broker else CONTROLLER_TYPE)
        gib = plan.disk_gib_per_broker.value if broker else CONTROLLER_DISK_GIB
        return {
            "replicas": replicas,
            "roles": [first.role.value],
            "storage": {"type": "jbod", "volumes": [self._volume(gib)]},
            "resources": _resources(size),
            "jvmOptions": {"-Xms": f"{size.heap_mib}m", "-Xmx": f"{size.heap_mib}m"},
            "template": {"pod": self._pool_pod(first)},
        }

    def _volume(self, gib: int) -> Mapping[str, object]:
        volume: dict[str, object] = {
            "id": 0,
            "type": "persistent-claim",
            "size": f"{gib}Gi",
            # A pool that is deleted, or scaled down, leaves its records where they are.
            "deleteClaim": False,
            "kraftMetadata": "shared",
        }
        storage_class = self._args.blueprint.config.kubernetes.storage_class
        return volume | ({"class": storage_class} if storage_class else {})

    def _pool_pod(self, first: Node) -> Mapping[str, object]:
        label = self._args.chaos_label
        pod: dict[str, object] = {
            "affinity": affinity(self._args.names, first, self._args.zone_labels[first.zone]),
            "securityContext": POD_SECURITY,
            "terminationGracePeriodSeconds": _STOP_S,
        }
        return pod | ({"metadata": {"labels": {label[0]: label[1]}}} if label else {})

    def _spec(self, config: Mapping[str, str]) -> Mapping[str, object]:
        return {
            "kafka": {
                "version": strimzi.KAFKA_VERSION,
                "metadataVersion": strimzi.METADATA_VERSION,
                "rack": {"topologyKey": ZONE_LABEL},
                "config": config,
                "listeners": self._listeners(),
                "authorization": {"type": "simple", "superUsers": [self._super_user()]},
                "metricsConfig": {
                    "type": "strimziMetricsReporter",
                    "values": {"allowList": METRICS},
                },
                "template": {
                    # Of all nodes together: an in-sync replica is taken away by a drain only when
                    # all others are there.
                    "podDisruptionBudget": {"maxUnavailable": 1},
                    "kafkaContainer": {"securityContext": CONTAINER_SECURITY},
                    "initContainer": {"securityContext": CONTAINER_SECURITY},
                },
            },
            "entityOperator": _entity_operator(),
        }

    def _super_user(self) -> str:
        by_certificate = self._args.blueprint.broker_settings.security is Security.MTLS
        return f"CN={ADMIN.name}" if by_certificate else ADMIN.name

    def _listeners(self) -> list[Mapping[str, object]]:
        zones = self._args.zone_labels if self._args.suite else ()
        return [
            self._listener(CLIENT_LISTENER, CLIENT_PORT, self._args.admitted),
            *(self._chaos_listener(zone) for zone in zones),
        ]

    def _listener(
        self, name: str, port: int, peers: Sequence[Mapping[str, object]]
    ) -> dict[str, object]:
        by_certificate = self._args.blueprint.broker_settings.security is Security.MTLS
        return {
            "name": name,
            "port": port,
            "type": "internal",
            "tls": True,
            "authentication": {"type": "tls" if by_certificate else "scram-sha-512"},
            "networkPolicyPeers": list(peers),
        }

    def _chaos_listener(self, zone: str) -> Mapping[str, object]:
        """Clients of a zone are told of the proxies of that zone for every broker elsewhere."""
        names = self._args.names
        elsewhere = [
            (node.id, names.link(zone, node))
            for node in self._args.blueprint.topology.brokers
            if node.zone != zone
        ]
        brokers = [
            {"broker": id_, "advertisedHost": at.host, "advertisedPort": at.port}
            for id_, at in elsewhere
        ]
        listener = self._listener(chaos_listener(zone), chaos_port(zone), self._args.suite)
        # The name of the proxies stands in the brokers' certificates: clients verify it.
        bootstrap = {"alternativeNames": [names.toxiproxy_api(zone).host]}
        return listener | {"configuration": {"bootstrap": bootstrap, "brokers": brokers}}


#: What the ``restricted`` pod security standard asks for, whichever way the operator is set.
#: Strimzi's images write their volumes as group 0.
POD_SECURITY: Mapping[str, object] = {
    "runAsNonRoot": True,
    "fsGroup": 0,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Mapping[str, object] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
#: Whose absence nobody would forgive; each costs a series for each broker or partition.
METRICS = [
    "kafka_controller_kafkacontroller.*",
    "kafka_log_log_size.*",
    "kafka_network_requestmetrics_totaltimems.*",
    "kafka_server_brokertopicmetrics.*",
    "kafka_server_replicamanager.*",
    "kafka_server_socket_server_metrics_connection_count.*",
]


def affinity(names: StrimziNames, node: Node, zone_label: str) -> Mapping[str, object]:
    """A node's pod runs in its zone, and no two of one role on one host."""
    within = {"key": ZONE_LABEL, "operator": "In", "values": [zone_label]}
    same_role = {
        CLUSTER_LABEL: names.cluster,
        "strimzi.io/name": names.pods,
        f"strimzi.io/{node.role.value}-role": "true",
    }
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [within]}]
            }
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": HOST_LABEL, "labelSelector": {"matchLabels": same_role}}
            ]
        },
    }


def _resources(size: PodSize) -> Mapping[str, object]:
    memory = f"{size.memory_mib}Mi"
    # A limit on the processor would stall heartbeats just when there is most to do.
    return {
        "requests": {"cpu": f"{size.cpu_millis}m", "memory": memory},
        "limits": {"memory": memory},
    }


def _entity_operator() -> Mapping[str, object]:
    own = {
        "resources": {
            "requests": {"cpu": "100m", "memory": "512Mi"},
            "limits": {"memory": "512Mi"},
        }
    }
    secured = {"securityContext": CONTAINER_SECURITY}
    return {
        "topicOperator": own,
        "userOperator": own,
        "template": {
            "pod": {"securityContext": POD_SECURITY},
            "topicOperatorContainer": secured,
            "userOperatorContainer": secured,
        },
    }
