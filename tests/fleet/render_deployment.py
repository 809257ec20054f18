"""What the component declares for a fleet, as JSON: run as a program, since Pulumi has one engine.

Standard input is JSON: ``fleet`` (of ``FleetSpec``), ``bootstrap``, ``by_zone``, ``security``.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import Mocks, set_mocks
from pydantic import BaseModel

from blueprint.failover_profile import BALANCED
from blueprint.fleet_options import CatchUpSettings, DedupConfig, TracesConfig
from blueprint.fleets import FleetSpec
from blueprint.security import Security
from components.consumer_fleet import ConsumerFleet, ConsumerFleetArgs
from components.kafka_identity import KafkaIdentity

ROOT = Path(__file__).parents[2]
ZONE, POD = "eu-west-1b", "orders-7c4d-x2x9p"
_ROOM = "/etc/quorate"
_OPTIONS: dict[str, type[BaseModel]] = {
    "catch_up": CatchUpSettings,
    "dedup": DedupConfig,
    "traces": TracesConfig,
}


@dataclass(frozen=True)
class LaidOut:
    """A pod's environment and files in a folder of a test."""

    environment: dict[str, str]
    files: Path


def rendered(**given: object) -> dict[str, Any]:
    """Every object that the component declares, by its kind; the last of a kind."""
    command = [sys.executable, "-m", "tests.fleet.render_deployment"]
    done = subprocess.run(
        command, cwd=ROOT, input=json.dumps(given), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def laid_out(objects: dict[str, Any], secrets: dict[str, dict[str, str]], folder: Path) -> LaidOut:
    """The environment and files of the fleet's container, with ``folder`` for ``/etc/quorate``."""
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["mountPath"].startswith(_ROOM):
            place = folder / mount["mountPath"].removeprefix(f"{_ROOM}/")
            place.mkdir(parents=True)
            for name, text in _files(volumes[mount["name"]], objects, secrets).items():
                (place / name).write_text(text.replace(_ROOM, str(folder)))
    fields = {"metadata.name": POD, "metadata.labels['topology.kubernetes.io/zone']": ZONE}
    environment = {}
    for one in container["env"]:
        source = one.get("valueFrom", {})
        if "secretKeyRef" in source:
            secret = secrets[source["secretKeyRef"]["name"]]
            value = secret.get(source["secretKeyRef"]["key"])
        else:
            value = fields[source["fieldRef"]["fieldPath"]] if source else one["value"]
        if value is not None:
            environment[one["name"]] = value.replace(_ROOM, str(folder))
    return LaidOut(environment, folder)


def _files(
    volume: dict[str, Any], objects: dict[str, Any], secrets: dict[str, dict[str, str]]
) -> dict[str, str]:
    if "configMap" in volume:
        config: dict[str, str] = objects["ConfigMap"]["data"]
        assert volume["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
        return config
    found = {}
    for source in volume["projected"]["sources"]:
        for item in source["secret"]["items"]:
            found[item["path"]] = secrets[source["secret"]["name"]][item["key"]]
    return found


class _Kept(Mocks):
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.name.endswith("-lag-reader"):
            self.objects[args.typ.rpartition(":")[2]] = args.inputs
        return args.name, args.inputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


def _main() -> None:
    given = json.load(sys.stdin)
    said: dict[str, Any] = {
        name: _OPTIONS[name].model_validate(value) if name in _OPTIONS else value
        for name, value in given["fleet"].items()
    }
    fleet, security = FleetSpec(**said), Security(given["security"])
    identity = None
    if security is not Security.PLAINTEXT:
        identity = KafkaIdentity(security, fleet.name, fleet.name, "authority")
    args = ConsumerFleetArgs(
        fleet=fleet,
        namespace="quorate",
        bootstrap=given["bootstrap"],
        identity=identity,
        brokers=[],
        broker_ports=[9093],
        profile=BALANCED,
        bootstrap_by_zone=given.get("by_zone", {}),
    )
    kept = _Kept()
    set_mocks(kept)

    def declare() -> pulumi.Output[str]:
        return ConsumerFleet(f"fleet-{fleet.name}", args).settings

    finished: Callable[[Callable[[], object]], Callable[[], None]] = pulumi.runtime.test
    finished(declare)()
    print(json.dumps(kept.objects))


if __name__ == "__main__":
    _main()
