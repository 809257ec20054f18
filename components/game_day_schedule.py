"""A game day on a schedule: one run of the chaos suite against the stack it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import batch, core, meta

from blueprint.fleet_machines import GAME_DAY_CPU_MILLIS, GAME_DAY_MEMORY_MIB
from blueprint.stack_config import GameDayConfig
from components import restricted_pods, suite_identity
from components.frozen_config import frozen_config
from components.kafka_identity import KafkaIdentity

#: Network policies of what a game day reaches admit pods that carry this.
SUITE_LABEL = "quorate.io/chaos-suite"
RUNS_FOLDER = "/runs"
#: A run that is told to end lifts its faults in at most 10 s and restores all within 60 s.
HEAL_S = 90
#: A run that could not begin in time is skipped: nobody expects it in the afternoon.
START_WITHIN_S = 600
#: Measured runs of the suite use a third of it.
_CPU, _MEMORY = f"{GAME_DAY_CPU_MILLIS}m", f"{GAME_DAY_MEMORY_MIB}Mi"
_FINISHED_KEPT = 10


@dataclass(frozen=True, slots=True)
class GameDayScheduleArgs:
    """What is run, when, against what.

    Attributes:
        outputs: StackOutputs as JSON; no secret is in them.
        identity: The suite's; None only where the cluster asks nobody who he is.
        account_annotations: What a cloud binds rights of its own to, such as a role's name.
    """

    config: GameDayConfig
    namespace: pulumi.Input[str]
    outputs: pulumi.Input[str]
    identity: KafkaIdentity | None
    account_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    storage_class: str | None = None


class GameDaySchedule(pulumi.ComponentResource):
    """CronJob, its outputs, its account, and the volume that keeps the histories.

    Attributes:
        cron_job: Its name.
        histories: The name of the volume claim with one folder for each run.
    """

    cron_job: pulumi.Output[str]
    histories: pulumi.Output[str]

    def __init__(
        self, name: str, args: GameDayScheduleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything; the objects are named as the component is."""
        super().__init__("quorate:kubernetes:GameDaySchedule", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        outputs = frozen_config(
            f"{name}-outputs", self._metadata(), {"outputs.json": args.outputs}, self._child
        )
        account = self._account()
        histories = self._histories()
        made = batch.v1.CronJob(
            name,
            metadata=self._metadata(),
            spec=self._schedule(account, outputs, histories),
            opts=self._child,
        )
        self.cron_job, self.histories = made.metadata.name, histories.metadata.name
        self.register_outputs({"cron_job": self.cron_job, "histories": self.histories})

    def _metadata(
        self, annotations: Mapping[str, pulumi.Input[str]] | None = None
    ) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=self._name,
            namespace=self._args.namespace,
            labels={"app.kubernetes.io/part-of": "quorate"},
            annotations=annotations or None,
        )

    def _account(self) -> core.v1.ServiceAccount:
        """The API server lets it do nothing, and it has no token to ask with."""
        return core.v1.ServiceAccount(
            self._name,
            metadata=self._metadata(self._args.account_annotations),
            automount_service_account_token=False,
            opts=self._child,
        )

    def _histories(self) -> core.v1.PersistentVolumeClaim:
        size = f"{self._args.config.history_gib}Gi"
        return core.v1.PersistentVolumeClaim(
            self._name,
            # Its first run makes the volume: nobody is to wait for it until then.
            metadata=self._metadata({"pulumi.com/skipAwait": "true"}),
            spec=core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                resources=core.v1.VolumeResourceRequirementsArgs(requests={"storage": size}),
                storage_class_name=self._args.storage_class,
            ),
            opts=self._child,
        )

    def _schedule(
        self,
        account: core.v1.ServiceAccount,
        outputs: core.v1.ConfigMap,
        histories: core.v1.PersistentVolumeClaim,
    ) -> batch.v1.CronJobSpecArgs:
        pod = core.v1.PodTemplateSpecArgs(
            metadata=meta.v1.ObjectMetaArgs(labels={SUITE_LABEL: "true"}),
            spec=self._pod(account, outputs, histories),
        )
        job = batch.v1.JobSpecArgs(
            active_deadline_seconds=self._args.config.deadline_s,
            # A verdict is a verdict: what failed is looked at, not tried again.
            backoff_limit=0,
            template=pod,
        )
        return batch.v1.CronJobSpecArgs(
            schedule=self._args.config.schedule,
            time_zone="Etc/UTC",
            concurrency_policy="Forbid",
            starting_deadline_seconds=START_WITHIN_S,
            successful_jobs_history_limit=_FINISHED_KEPT,
            failed_jobs_history_limit=_FINISHED_KEPT,
            job_template=batch.v1.JobTemplateSpecArgs(spec=job),
        )

    def _pod(
        self,
        account: core.v1.ServiceAccount,
        outputs: core.v1.ConfigMap,
        histories: core.v1.PersistentVolumeClaim,
    ) -> core.v1.PodSpecArgs:
        identity = self._args.identity
        volumes = [
            restricted_pods.scratch_volume(1024),
            core.v1.VolumeArgs(
                name="outputs",
                config_map=core.v1.ConfigMapVolumeSourceArgs(name=outputs.metadata.name),
            ),
            core.v1.VolumeArgs(
                name="runs",
                persistent_volume_claim=core.v1.PersistentVolumeClaimVolumeSourceArgs(
                    claim_name=histories.metadata.name
                ),
            ),
        ]
        before = []
        if identity is not None:
            volumes += [identity.volume(), suite_identity.own_volume()]
            image = self._args.config.image
            before = [suite_identity.identifying(image, identity, _DECLARED, _DECLARED_FILE)]
        return core.v1.PodSpecArgs(
            service_account_name=account.metadata.name,
            automount_service_account_token=False,
            enable_service_links=False,
            restart_policy="Never",
            security_context=restricted_pods.pod_security(),
            termination_grace_period_seconds=HEAL_S,
            init_containers=before or None,
            containers=[self._container()],
            volumes=volumes,
        )

    def _container(self) -> core.v1.ContainerArgs:
        identity, config = self._args.identity, self._args.config
        runs = core.v1.VolumeMountArgs(name="runs", mount_path=RUNS_FOLDER)
        mounts = [restricted_pods.scratch_mount(), runs]
        mounts.append(suite_identity.own_mount() if identity else _DECLARED)
        outputs = suite_identity.OUTPUTS_FILE if identity else _DECLARED_FILE
        return core.v1.ContainerArgs(
            name="suite",
            image=config.image,
            command=["python", "-m", "chaos", "run", config.experiment],
            args=["--outputs", outputs, "--runs-dir", RUNS_FOLDER],
            # Leases are kept where they outlive the pod: the next run, or `chaos restore`, finds
            # what one that was killed has left behind.
            env=[
                core.v1.EnvVarArgs(name="QUORATE_CACHE", value=f"{RUNS_FOLDER}/.state"),
                core.v1.EnvVarArgs(name="HOME", value="/tmp"),
            ],
            resources=core.v1.ResourceRequirementsArgs(
                requests={"cpu": _CPU, "memory": _MEMORY}, limits={"memory": _MEMORY}
            ),
            security_context=restricted_pods.container_security(),
            volume_mounts=mounts,
        )


_DECLARED = core.v1.VolumeMountArgs(
    name="outputs", mount_path="/etc/quorate/outputs", read_only=True
)
_DECLARED_FILE = "/etc/quorate/outputs/outputs.json"
