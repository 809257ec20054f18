"""Who says how far fleets are behind: one pod, which sees offsets and reads no record."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, core, meta

from blueprint.access import LAG
from blueprint.failover_profile import FailoverProfile
from blueprint.fleet_contract import (
    ANYWHERE,
    HEALTH_PORT,
    IDENTITY_FOLDER,
    METRICS_PATH,
    SETTINGS_FILE,
    SETTINGS_FOLDER,
    Variable,
    lag_file,
)
from blueprint.fleets import FleetSpec
from blueprint.labels import FLEET_LABEL
from components import restricted_pods
from components.consumer_fleet import tolerations
from components.fleet_network import Neighbours, fleet_network_policy
from components.frozen_config import frozen_config
from components.kafka_identity import KafkaIdentity

#: Between two looks; a rate is of the last minute, and Prometheus asks as often.
_EVERY_S = 15
_CPU, _MEMORY = "100m", "256Mi"


@dataclass(frozen=True, slots=True)
class LagExporterArgs:
    """Whose lag, and as whom it is asked for.

    Attributes:
        image: Of ``python -m fleet``.
        bootstrap: ``host:port,...`` for a pod of whichever zone.
        identity: None only where the cluster asks nobody who he is.
        neighbours: Whom its pod may reach, and who may ask it.
        profile: The clients' time-outs.
    """

    image: str
    fleets: Sequence[FleetSpec]
    namespace: pulumi.Input[str]
    bootstrap: str
    identity: KafkaIdentity | None
    neighbours: Neighbours
    profile: FailoverProfile


class LagExporter(pulumi.ComponentResource):
    """Deployment, account, settings and network policy; found by whoever finds fleets' pods."""

    def __init__(
        self, name: str, args: LagExporterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything; the objects are named as the principal is."""
        super().__init__("quorate:kubernetes:LagExporter", name, {}, opts)
        self._args = args
        self._labels = {FLEET_LABEL: LAG.name, "app.kubernetes.io/part-of": "quorate"}
        self._metadata = meta.v1.ObjectMetaArgs(
            name=LAG.name, namespace=args.namespace, labels=self._labels
        )
        child = pulumi.ResourceOptions(parent=self)
        account = core.v1.ServiceAccount(
            name, metadata=self._metadata, automount_service_account_token=False, opts=child
        )
        file = {SETTINGS_FILE: _settings(args)}
        settings = frozen_config(f"{name}-settings", self._metadata, file, child)
        selector = meta.v1.LabelSelectorArgs(match_labels={FLEET_LABEL: LAG.name})
        fleet_network_policy(name, self._metadata, selector, args.neighbours, child)
        apps.v1.Deployment(
            name,
            metadata=self._metadata,
            spec=apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=selector,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels),
                    spec=self._pod(account, settings),
                ),
            ),
            opts=child,
        )
        self.register_outputs({})

    def _pod(
        self, account: core.v1.ServiceAccount, settings: core.v1.ConfigMap
    ) -> core.v1.PodSpecArgs:
        identity = self._args.identity
        source = core.v1.ConfigMapVolumeSourceArgs(name=settings.metadata.name)
        volumes = [
            restricted_pods.scratch_volume(),
            core.v1.VolumeArgs(name="settings", config_map=source),
        ]
        return core.v1.PodSpecArgs(
            service_account_name=account.metadata.name,
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=restricted_pods.pod_security(),
            tolerations=tolerations(),
            containers=[self._container()],
            volumes=[*volumes, identity.volume()] if identity else volumes,
        )

    def _container(self) -> core.v1.ContainerArgs:
        identity = self._args.identity
        mounts = [
            restricted_pods.scratch_mount(),
            core.v1.VolumeMountArgs(name="settings", mount_path=SETTINGS_FOLDER, read_only=True),
        ]
        answered = core.v1.HTTPGetActionArgs(path=METRICS_PATH, port="health")
        return core.v1.ContainerArgs(
            name="lag",
            image=self._args.image,
            args=_arguments(self._args.fleets),
            env=[core.v1.EnvVarArgs(name=k.value, value=v) for k, v in _environment(identity)],
            ports=[core.v1.ContainerPortArgs(name="health", container_port=HEALTH_PORT)],
            resources=core.v1.ResourceRequirementsArgs(
                requests={"cpu": _CPU, "memory": _MEMORY}, limits={"memory": _MEMORY}
            ),
            security_context=restricted_pods.container_security(),
            readiness_probe=core.v1.ProbeArgs(
                http_get=answered, period_seconds=_EVERY_S, timeout_seconds=2
            ),
            volume_mounts=[*mounts, identity.mount()] if identity else mounts,
        )


def _arguments(fleets: Sequence[FleetSpec]) -> list[str]:
    """Of `python -m fleet`: it has no right to read a record, and no terminal."""
    groups = [word for fleet in fleets for word in ("--group", fleet.group)]
    return ["lag", "--records-only", "--quiet", "--every-s", str(_EVERY_S), *groups]


def _environment(identity: KafkaIdentity | None) -> list[tuple[Variable, str]]:
    given = [
        (Variable.SETTINGS, f"{SETTINGS_FOLDER}/{SETTINGS_FILE}"),
        (Variable.HEALTH_HOST, ANYWHERE),
        (Variable.HEALTH_PORT, str(HEALTH_PORT)),
    ]
    return [*given, (Variable.IDENTITY, IDENTITY_FOLDER)] if identity else given


def _settings(args: LagExporterArgs) -> str:
    own = args.identity.settings() if args.identity else {}
    topics = sorted({topic for fleet in args.fleets for topic in fleet.consumes})
    return lag_file(tuple(topics), args.profile, args.bootstrap, own).to_json()
