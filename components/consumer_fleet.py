"""A consumer fleet: spread over three zones, scaled on lag, ended only after it has drained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import apps, core, meta, networking, policy

from blueprint.failover_profile import FailoverProfile
from blueprint.fleet_contract import (
    ANYWHERE,
    HEALTH_PORT,
    IDENTITY_FOLDER,
    LIVE_PATH,
    READY_PATH,
    SETTINGS_FILE,
    SETTINGS_FOLDER,
    Variable,
    fleet_file,
)
from blueprint.fleets import FleetSpec
from blueprint.labels import FLEET_LABEL, HOST_LABEL, ZONE_LABEL
from components import restricted_pods
from components.fleet_memory import MEMORY, FleetMemory
from components.fleet_network import Neighbours, fleet_network_policy
from components.fleet_scaling import FleetScaling, FleetScalingArgs
from components.frozen_config import frozen_config
from components.kafka_identity import KafkaIdentity

#: How long a pod of a node that is silent is waited for; Kubernetes' own is 300 s.
GONE_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class ConsumerFleetArgs:
    """One fleet, wherever its brokers are.

    Attributes:
        bootstrap: ``host:port,...`` for a pod of whichever zone.
        bootstrap_by_zone: In place of it for pods of these zones, by the nodes' zone label.
        identity: None only where the cluster asks nobody who he is.
        brokers: Where the brokers are, for the network policy; beside them DNS is reached, and
            what the fleet's own settings name.
        broker_ports: Theirs.
        profile: The clients' time-outs.
        scaled_on_lag: Whether KEDA is there to scale it; else it stays as it is planned.
        scraped_from: The namespace that may ask for metrics; None: nobody may.
        storage_class: Of a volume whose class the fleet does not name; None: the cluster's default.
    """

    fleet: FleetSpec
    namespace: pulumi.Input[str]
    bootstrap: pulumi.Input[str]
    identity: KafkaIdentity | None
    brokers: Sequence[networking.v1.NetworkPolicyPeerArgs]
    broker_ports: Sequence[int]
    profile: FailoverProfile
    bootstrap_by_zone: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    scaled_on_lag: bool = True
    scraped_from: str | None = None
    storage_class: pulumi.Input[str] | None = None


class ConsumerFleet(pulumi.ComponentResource):
    """Deployment, disruption budget, autoscaling, account and network policy of one fleet.

    Attributes:
        deployment: The Deployment's name.
        settings: What is in ``settings.json``: a ``FleetFile``.
    """

    deployment: pulumi.Output[str]
    settings: pulumi.Output[str]

    def __init__(
        self, name: str, args: ConsumerFleetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything; the objects are named as the fleet is."""
        super().__init__("quorate:kubernetes:ConsumerFleet", name, {}, opts)
        self._name, self._args = name, args
        self._labels = {FLEET_LABEL: args.fleet.name, "app.kubernetes.io/part-of": "quorate"}
        self._child = pulumi.ResourceOptions(parent=self)
        self.settings = settings_json(args)
        account = core.v1.ServiceAccount(
            name, metadata=self._metadata(), automount_service_account_token=False, opts=self._child
        )
        settings = frozen_config(
            f"{name}-settings",
            self._metadata("settings"),
            {SETTINGS_FILE: self.settings},
            self._child,
        )
        self._memory = self._remembering()
        fleet_network_policy(
            name,
            self._metadata(),
            self._selector(),
            Neighbours(args.brokers, args.broker_ports, args.fleet.reached, args.scraped_from),
            self._child,
        )
        self._disruption_budget()
        deployment = self._deployment(account, settings)
        self.deployment = deployment.metadata.name
        if self._scaled:
            self._scaling()
        self.register_outputs({"deployment": self.deployment, "settings": self.settings})

    def _remembering(self) -> FleetMemory:
        args = self._args
        kept = args.fleet.dedup
        return FleetMemory(
            self._name, self._metadata(MEMORY), kept, args.storage_class, self._child
        )

    @property
    def _scaled(self) -> bool:
        return self._args.scaled_on_lag and not self._args.fleet.single

    def _scaling(self) -> None:
        args = self._args
        FleetScaling(
            self._name,
            FleetScalingArgs(
                args.fleet, args.namespace, self.deployment, args.bootstrap, args.identity
            ),
            opts=self._child,
        )

    def _metadata(self, suffix: str = "") -> meta.v1.ObjectMetaArgs:
        name = f"{self._args.fleet.name}-{suffix}" if suffix else self._args.fleet.name
        return meta.v1.ObjectMetaArgs(
            name=name, namespace=self._args.namespace, labels=self._labels
        )

    def _selector(self) -> meta.v1.LabelSelectorArgs:
        return meta.v1.LabelSelectorArgs(match_labels={FLEET_LABEL: self._args.fleet.name})

    def _deployment(
        self, account: core.v1.ServiceAccount, settings: core.v1.ConfigMap
    ) -> apps.v1.Deployment:
        args = self._args
        # Where there is an autoscaler, replicas are said once: from then on they are its own.
        ignored = ["spec.replicas"] if self._scaled else []
        opts = pulumi.ResourceOptions(parent=self, ignore_changes=ignored)
        return apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=args.fleet.instances,
                selector=self._selector(),
                strategy=_strategy(args.fleet),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels),
                    spec=self._pod(account, settings),
                ),
            ),
            opts=opts,
        )

    def _pod(
        self, account: core.v1.ServiceAccount, settings: core.v1.ConfigMap
    ) -> core.v1.PodSpecArgs:
        fleet, identity = self._args.fleet, self._args.identity
        volumes = [restricted_pods.scratch_volume(), _settings_volume(settings)]
        volumes += self._memory.volumes()
        return core.v1.PodSpecArgs(
            service_account_name=account.metadata.name,
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=restricted_pods.pod_security(),
            termination_grace_period_seconds=fleet.termination_grace_s,
            tolerations=tolerations(),
            topology_spread_constraints=_spread(self._selector()),
            containers=[self._container()],
            volumes=[*volumes, identity.volume()] if identity else volumes,
        )

    def _container(self) -> core.v1.ContainerArgs:
        fleet, identity = self._args.fleet, self._args.identity
        memory = f"{fleet.memory_mib}Mi"
        mounts = [
            restricted_pods.scratch_mount(),
            core.v1.VolumeMountArgs(name="settings", mount_path=SETTINGS_FOLDER, read_only=True),
        ]
        mounts += self._memory.mounts()
        return core.v1.ContainerArgs(
            name="consumer",
            image=fleet.image,
            env=[*_environment(fleet, identity), *self._memory.environment()],
            ports=[core.v1.ContainerPortArgs(name="health", container_port=HEALTH_PORT)],
            # A limit on the processor would throttle in the very minute of catching up.
            resources=core.v1.ResourceRequirementsArgs(
                requests={"cpu": f"{fleet.cpu_millis}m", "memory": memory},
                limits={"memory": memory},
            ),
            security_context=restricted_pods.container_security(),
            # A member that joins while partitions move may take its session time-out to be ready.
            startup_probe=_probe(LIVE_PATH, period_s=2, failures=30),
            liveness_probe=_probe(LIVE_PATH, period_s=10, failures=3),
            readiness_probe=_probe(READY_PATH, period_s=5, failures=2),
            volume_mounts=[*mounts, identity.mount()] if identity else mounts,
        )

    def _disruption_budget(self) -> None:
        policy.v1.PodDisruptionBudget(
            self._name,
            metadata=self._metadata(),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                # Each one that leaves is a rebalance: one at a time, however many there are.
                max_unavailable=1,
                selector=self._selector(),
                # What has crashed anyway holds up no drain of its node.
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=self._child,
        )


def settings_json(args: ConsumerFleetArgs) -> pulumi.Output[str]:
    """What a fleet is given as ``settings.json``, once the addresses of the brokers are known."""
    own = args.identity.settings() if args.identity else {}

    def rendered(given: Mapping[str, object]) -> str:
        by_zone = given["by_zone"]
        assert isinstance(by_zone, Mapping)
        bootstrap = str(given["bootstrap"])
        return fleet_file(args.fleet, args.profile, bootstrap, own, dict(by_zone)).to_json()

    given = pulumi.Output.all(bootstrap=args.bootstrap, by_zone=dict(args.bootstrap_by_zone))
    return given.apply(rendered)


def _environment(fleet: FleetSpec, identity: KafkaIdentity | None) -> list[core.v1.EnvVarArgs]:
    def field_of(name: str, path: str) -> core.v1.EnvVarArgs:
        source = core.v1.ObjectFieldSelectorArgs(field_path=path)
        return core.v1.EnvVarArgs(name=name, value_from=core.v1.EnvVarSourceArgs(field_ref=source))

    values = {
        Variable.SETTINGS: f"{SETTINGS_FOLDER}/{SETTINGS_FILE}",
        Variable.THREADS: str(fleet.threads),
        Variable.DRAIN_DEADLINE_S: str(fleet.drain_deadline_s),
        Variable.HEALTH_HOST: ANYWHERE,
        Variable.HEALTH_PORT: str(HEALTH_PORT),
    }
    if identity is not None:
        values[Variable.IDENTITY] = IDENTITY_FOLDER
    return [
        # Kubernetes copies the node's zone onto a pod when it places it (1.35 and later); before
        # that it is empty, and a client without a rack reads from leaders: right, and dearer.
        field_of(Variable.ZONE.value, f"metadata.labels['{ZONE_LABEL}']"),
        field_of(Variable.INSTANCE.value, "metadata.name"),
        *(core.v1.EnvVarArgs(name=name.value, value=value) for name, value in values.items()),
    ]


def _spread(selector: meta.v1.LabelSelectorArgs) -> list[core.v1.TopologySpreadConstraintArgs]:
    """Zones evenly or not at all; hosts as evenly as can be.

    A zone whose nodes are all tainted counts for nothing, or its share would wait for it for ever.
    """
    return [
        core.v1.TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable=otherwise,
            label_selector=selector,
            # Pods of the last version are no reason to put all of the next one elsewhere.
            match_label_keys=["pod-template-hash"],
            node_taints_policy="Honor",
        )
        for key, otherwise in ((ZONE_LABEL, "DoNotSchedule"), (HOST_LABEL, "ScheduleAnyway"))
    ]


def tolerations() -> list[core.v1.TolerationArgs]:
    """Of a pod that is to be elsewhere soon after its node is silent."""
    return [
        core.v1.TolerationArgs(
            key=f"node.kubernetes.io/{state}",
            operator="Exists",
            effect="NoExecute",
            toleration_seconds=GONE_AFTER_S,
        )
        for state in ("not-ready", "unreachable")
    ]


def _strategy(fleet: FleetSpec) -> apps.v1.DeploymentStrategyArgs:
    """One more before one less; but for a fleet whose volume only one pod may have."""
    if fleet.single:
        return apps.v1.DeploymentStrategyArgs(type="Recreate")
    rolling = apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
    return apps.v1.DeploymentStrategyArgs(type="RollingUpdate", rolling_update=rolling)


def _settings_volume(settings: core.v1.ConfigMap) -> core.v1.VolumeArgs:
    source = core.v1.ConfigMapVolumeSourceArgs(name=settings.metadata.name)
    return core.v1.VolumeArgs(name="settings", config_map=source)


def _probe(path: str, period_s: int, failures: int) -> core.v1.ProbeArgs:
    return core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path=path, port="health"),
        period_seconds=period_s,
        failure_threshold=failures,
        timeout_seconds=2,
    )
