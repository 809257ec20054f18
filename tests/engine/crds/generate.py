"""Make the definitions anew: ``python -m tests.engine.crds.generate``, a few minutes at first.

Strimzi's come out of its own generator over its own API classes, both had as Maven artifacts and
run by the project's Java. KEDA's and prometheus-operator's come out of controller-gen over their Go
types, pinned in ``go_types``: that needs Go 1.26 or later on PATH. Descriptions are left out: they
are two thirds of the size, and the API server does not need them.

To take a newer version: change it below, and its checksum, or in ``go_types/go.mod`` (then
``go mod tidy``); run this; read the diff.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jgo.maven
import yaml

from lab.problem import LabError
from lab.tools.java import java

_FOLDER = Path(__file__).parent
_GO_TYPES = _FOLDER / "go_types"
_TIMEOUT_S = 1800

_STRIMZI_VERSION = "1.2.0"
_STRIMZI_JARS = {
    "api": "566961ae5e5646a001ae91312beda5cba3a5d467e740e205e1b761754335fe4e",
    "crd-generator": "76bb2430e702a1e6a24c071d26c865d5e9572cbc630d176d3b912033ae23ed00",
}
_STRIMZI_MODEL = "io.strimzi.api.kafka.model"
_STRIMZI_KINDS = {
    "kafkas": f"{_STRIMZI_MODEL}.kafka.Kafka",
    "kafkanodepools": f"{_STRIMZI_MODEL}.nodepool.KafkaNodePool",
    "kafkatopics": f"{_STRIMZI_MODEL}.topic.KafkaTopic",
    "kafkausers": f"{_STRIMZI_MODEL}.user.KafkaUser",
}
#: As in the build of the operator's own release.
_STRIMZI_OPTIONS = (
    *("--label", "app:strimzi", "--label", "strimzi.io/crd-install:true"),
    *("--target-kube", "1.16+", "--crd-api-version", "v1"),
    *("--api-versions", "v1", "--storage-version", "v1", "--yaml"),
)

_KEDA = "github.com/kedacore/keda/v2"
_PROMETHEUS = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
_GO_PACKAGES = (f"{_KEDA}/apis/keda/v1alpha1", f"{_PROMETHEUS}/v1")
#: By the name of the generated file: the project, and the module that has its version.
_GO_KINDS = {
    "keda.sh_scaledobjects": ("KEDA", _KEDA),
    "keda.sh_triggerauthentications": ("KEDA", _KEDA),
    "monitoring.coreos.com_podmonitors": ("prometheus-operator", _PROMETHEUS),
    "monitoring.coreos.com_prometheusrules": ("prometheus-operator", _PROMETHEUS),
    "monitoring.coreos.com_servicemonitors": ("prometheus-operator", _PROMETHEUS),
}


def main() -> int:
    """Write every file; whatever was there before goes."""
    try:
        with TemporaryDirectory(prefix="quorate-crds-") as room:
            made = _strimzi(Path(room)) | _go_types(Path(room))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    for old in _FOLDER.glob("*.yaml"):
        old.unlink()
    for name, text in made.items():
        (_FOLDER / f"{name}.yaml").write_text(text)
        print(f"{name}: {len(text):,} bytes")
    return 0


def _strimzi(room: Path) -> dict[str, str]:
    context = jgo.maven.MavenContext(repo_cache=room, timeout=60)
    jars = [str(_fetched(context, artifact)) for artifact in _STRIMZI_JARS]
    outputs = {name: room / f"{name}.yaml" for name in _STRIMZI_KINDS}
    kinds = [f"{kind}={outputs[name]}" for name, kind in _STRIMZI_KINDS.items()]
    command = [str(java()), "-cp", os.pathsep.join(jars), "io.strimzi.crdgenerator.CrdGenerator"]
    _run([*command, *_STRIMZI_OPTIONS, *kinds], room)
    return dict(
        _definition(output, "Strimzi", _STRIMZI_VERSION, "its API classes by its own generator")
        for output in outputs.values()
    )


def _fetched(context: jgo.maven.MavenContext, artifact: str) -> Path:
    project = context.project("io.strimzi", artifact)
    jar = Path(project.at_version(_STRIMZI_VERSION).artifact().resolve())
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != _STRIMZI_JARS[artifact]:
        raise LabError(f"io.strimzi:{artifact} has sha256 {found}, not the pinned one")
    return jar


def _go_types(room: Path) -> dict[str, str]:
    """Embedded pod metadata is generated too, as KEDA does; without it the fields are dropped."""
    options = "crd:crdVersions=v1,generateEmbeddedObjectMeta=true,maxDescLen=0"
    paths = [f"paths={package}" for package in _GO_PACKAGES]
    output = f"output:crd:dir={room}"
    _run(["go", "tool", "controller-gen", options, *paths, output], _GO_TYPES)
    pins = (_GO_TYPES / "go.mod").read_text()
    made = {}
    for name, (project, module) in _GO_KINDS.items():
        pinned = re.search(rf"^\t{re.escape(module)} v(\S+)", pins, re.MULTILINE)
        if pinned is None:
            raise LabError(f"go_types/go.mod does not pin {module}")
        how = "its Go types by controller-gen"
        key, text = _definition(room / f"{name}.yaml", project, pinned[1], how)
        made[key] = text
    return made


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"GOFLAGS": "-mod=readonly"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"could not run {command[0]}: {error}") from None
    if done.returncode != 0:
        raise LabError(f"{command[0]} failed:\n{done.stderr}")


def _definition(file: Path, project: str, version: str, how: str) -> tuple[str, str]:
    definition = _undescribed(yaml.load(file.read_bytes(), yaml.CSafeLoader))
    head = f"# {project} {version}, Apache-2.0: generated from {how}; see generate.py.\n"
    body = yaml.dump(definition, Dumper=yaml.CSafeDumper, sort_keys=False, width=100)
    return str(definition["metadata"]["name"]), head + body


def _undescribed(tree: Any) -> Any:  # noqa: ANN401 - any YAML.
    """A property may be named ``description``; then it is a schema, not a text."""
    if isinstance(tree, Mapping):
        described = isinstance(tree.get("description"), str)
        return {
            key: _undescribed(item)
            for key, item in tree.items()
            if not (described and key == "description")
        }
    return [_undescribed(item) for item in tree] if isinstance(tree, list) else tree


if __name__ == "__main__":
    sys.exit(main())
