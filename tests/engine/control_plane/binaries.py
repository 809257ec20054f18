"""etcd 3.7.3 and Kubernetes 1.37.2, built from their own modules, once per user.

Kubernetes' own go.mod points at folders of its repository; ours points at the same code as it is
published, module by module.
"""

from dataclasses import dataclass
from pathlib import Path

from lab.tools.go import GoTool

ETCD_VERSION = "3.7.3"
KUBERNETES_VERSION = "1.37.2"
#: Five minutes on two idle cores; a busy machine needs several times that.
_BUILD_TIMEOUT_S = 2400
_FOLDER = Path(__file__).parent
_NAMES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_STAMP = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
_ETCD = GoTool(
    name="etcd",
    version=ETCD_VERSION,
    module=_FOLDER / "etcd",
    packages={"etcd": "go.etcd.io/etcd/server/v3"},
    build_timeout_s=_BUILD_TIMEOUT_S,
)
_KUBERNETES = GoTool(
    name="kubernetes",
    version=KUBERNETES_VERSION,
    module=_FOLDER / "kubernetes",
    packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in _NAMES},
    ldflags=(
        f"-X {_STAMP}.gitVersion=v{KUBERNETES_VERSION} "
        f"-X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"
    ),
    build_timeout_s=_BUILD_TIMEOUT_S,
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the four commands are."""

    etcd: Path
    apiserver: Path
    controller_manager: Path
    scheduler: Path


def binaries() -> Binaries:
    """The four commands, built if this user has not got them yet.

    Raises:
        LabError: One cannot be built.
    """
    kubernetes = _KUBERNETES.folder()
    return Binaries(_ETCD.folder() / "etcd", *(kubernetes / name for name in _NAMES))
