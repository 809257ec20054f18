"""What Kubernetes' ``restricted`` pod security standard asks of every pod of ours."""

from pulumi_kubernetes import core

#: Of nobody that an image knows: whatever user an image was built with, it is not root.
USER_ID = 10_001
#: What takes files that a process writes beside its data, since its image is read-only.
SCRATCH = "scratch"


def pod_security() -> core.v1.PodSecurityContextArgs:
    """Of the pod; the group is what lets the user read mounted secrets and write volumes."""
    return core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER_ID,
        run_as_group=USER_ID,
        fs_group=USER_ID,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> core.v1.SecurityContextArgs:
    """Of every container."""
    return core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
        read_only_root_filesystem=True,
        run_as_non_root=True,
    )


def scratch_volume(size_mib: int = 64) -> core.v1.VolumeArgs:
    """A bounded folder for temporary files."""
    return core.v1.VolumeArgs(
        name=SCRATCH, empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=f"{size_mib}Mi")
    )


def scratch_mount() -> core.v1.VolumeMountArgs:
    """Where every library looks for it."""
    return core.v1.VolumeMountArgs(name=SCRATCH, mount_path="/tmp")
