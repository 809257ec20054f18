"""Where a deployed fleet remembers what it applied: a volume of its own, or somebody's PostgreSQL.

Of a PostgreSQL the stack knows a Secret's name and nothing that is in it: the pod is given it by
Kubernetes, and no state of Pulumi's ever holds it.
"""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import core, meta

from blueprint.fleet_contract import DEDUP_FILE, DEDUP_FOLDER, Variable
from blueprint.fleet_options import SQLITE, DedupConfig, PostgresConfig, SqliteConfig

#: Of the names of what belongs to it.
MEMORY = "dedup"


class FleetMemory:
    """What a pod has of it; nothing where a fleet remembers nothing."""

    def __init__(
        self,
        name: str,
        metadata: meta.v1.ObjectMetaArgs,
        config: DedupConfig | None,
        storage_class: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare the volume's claim, where it is a volume.

        Args:
            name: The fleet's resource.
            metadata: Of the claim.
            config: What the stack says.
            storage_class: Where that names none; None: the cluster's default.
            opts: Of the claim.
        """
        self._sqlite = config.sqlite if config else None
        self._postgresql = config.postgresql if config else None
        self._claim: core.v1.PersistentVolumeClaim | None = None
        if self._sqlite is not None:
            wanted = self._sqlite.storage_class or storage_class
            self._claim = core.v1.PersistentVolumeClaim(
                f"{name}-{MEMORY}", metadata=metadata, spec=_room(self._sqlite, wanted), opts=opts
            )

    def environment(self) -> Sequence[core.v1.EnvVarArgs]:
        """Which database it is."""
        if self._postgresql is not None:
            return _by_reference(self._postgresql)
        if self._sqlite is None:
            return []
        path = f"{SQLITE}{DEDUP_FOLDER}/{DEDUP_FILE}"
        return [core.v1.EnvVarArgs(name=Variable.DEDUP_DATABASE.value, value=path)]

    def mounts(self) -> Sequence[core.v1.VolumeMountArgs]:
        """Where the volume is in the container."""
        if self._claim is None:
            return []
        return [core.v1.VolumeMountArgs(name=MEMORY, mount_path=DEDUP_FOLDER)]

    def volumes(self) -> Sequence[core.v1.VolumeArgs]:
        """The volume; it is of one zone, and the fleet with it."""
        if self._claim is None:
            return []
        claimed = core.v1.PersistentVolumeClaimVolumeSourceArgs(
            claim_name=self._claim.metadata.name
        )
        return [core.v1.VolumeArgs(name=MEMORY, persistent_volume_claim=claimed)]


def _room(
    config: SqliteConfig, storage_class: pulumi.Input[str] | None
) -> core.v1.PersistentVolumeClaimSpecArgs:
    return core.v1.PersistentVolumeClaimSpecArgs(
        # Two pods at once would be two memories of one file.
        access_modes=["ReadWriteOncePod"],
        storage_class_name=storage_class,
        resources=core.v1.VolumeResourceRequirementsArgs(
            requests={"storage": f"{config.size_gib}Gi"}
        ),
    )


def _by_reference(config: PostgresConfig) -> list[core.v1.EnvVarArgs]:
    keys = {Variable.DEDUP_DATABASE: config.dsn_key, Variable.DEDUP_PASSWORD: config.password_key}
    return [
        core.v1.EnvVarArgs(
            name=name.value,
            value_from=core.v1.EnvVarSourceArgs(
                secret_key_ref=core.v1.SecretKeySelectorArgs(
                    name=config.secret, key=key, optional=name is Variable.DEDUP_PASSWORD
                )
            ),
        )
        for name, key in keys.items()
    ]
