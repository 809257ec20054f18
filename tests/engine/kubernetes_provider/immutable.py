"""Which changes need a new object, as the real provider has it."""

from tests.engine.provider_protocol.values import Path

_ALWAYS = ("kind", "metadata.name", "metadata.namespace")
_BY_KIND = {
    "ConfigMap": ("data", "binaryData"),
    "ClusterRoleBinding": ("roleRef",),
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "PersistentVolumeClaim": ("spec",),
    "Pod": ("spec",),
    "RoleBinding": ("roleRef",),
    "Secret": ("type", "data", "stringData"),
    "Service": ("spec.clusterIP",),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    "StorageClass": ("parameters", "provisioner"),
}


def replaces(kind: str, path: Path) -> bool:
    """Does a change at this path of an object of this kind need a new object?"""
    roots = (tuple(root.split(".")) for root in (*_ALWAYS, *_BY_KIND.get(kind, ())))
    return any(path[: len(root)] == root or root[: len(path)] == path for root in roots)
