"""Fleets with all that a stack may choose of them, judged by a real API server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Api, Object, Reference
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import StandIn
from tests.engine.kubernetes_stack import new_namespace, program

pytestmark = pytest.mark.engine

FLEETS: list[dict[str, Any]] = [
    {
        "name": "billing",
        "image": "fleet:1",
        "consumes": ["orders"],
        "instances": 6,
        "dedup": {
            "margin_records": 5_000,
            "postgresql": {"secret": "billing-db", "namespace": "databases"},
        },
    },
    {
        "name": "mail",
        "image": "fleet:1",
        "consumes": ["orders"],
        "catch_up": {"enter_records": 500_000},
    },
    {
        "name": "audit",
        "image": "fleet:1",
        "consumes": ["orders"],
        "instances": 1,
        "dedup": {"sqlite": {"size_gib": 3}},
    },
]
TRACES = {"endpoint": "http://collector:4318", "ratio": 0.01, "namespace": "tracing"}


@pytest.fixture
def made(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a namespace for a stack to make; gone after the test, whatever came of it."""
    name = new_namespace()
    yield name
    control_plane.api.delete(Reference("v1", "Namespace", name))


def found(api: Api, namespace: str, version: str, kind: str, name: str) -> Object:
    """An object that is there."""
    one = api.get(Reference(version, kind, name, namespace))
    assert one is not None
    return one


@pytest.mark.timeout(600)
def test_what_a_fleet_is_to_do_is_admitted(
    program_engine: ProgramEngines, kubernetes: StandIn, control_plane: ControlPlane, made: str
) -> None:
    """A database by reference, a volume of one pod's, a topic with rights: and up again nothing."""
    api = control_plane.api
    watched = {"lag_image": "fleet:1"}
    settings = {"fleets": FLEETS, "traces": TRACES, "monitoring": watched}
    engine = program_engine(program(made, **settings), kubernetes)
    engine.up()

    topic = found(api, made, "kafka.strimzi.io/v1", "KafkaTopic", "mail-deferred")
    assert (topic["spec"]["partitions"], topic["spec"]["config"]["retention.ms"]) == (1, "-1")
    user = found(api, made, "kafka.strimzi.io/v1", "KafkaUser", "mail")
    acls = {
        (acl["resource"]["type"], acl["resource"]["name"]): acl["operations"]
        for acl in user["spec"]["authorization"]["acls"]
    }
    assert acls["topic", "mail-deferred"] == ["Read", "Write"]
    assert acls["group", "mail-replay"] == ["Read"]

    pod = found(api, made, "apps/v1", "Deployment", "billing")["spec"]["template"]["spec"]
    given = {one["name"]: one.get("valueFrom", {}) for one in pod["containers"][0]["env"]}
    named = given["QUORATE_DEDUP_DATABASE"]["secretKeyRef"]
    assert (named["name"], named["key"]) == ("billing-db", "dsn")
    assert given["PGPASSWORD"]["secretKeyRef"]["optional"]
    policy = found(api, made, "networking.k8s.io/v1", "NetworkPolicy", "billing")
    ports = [rule["ports"][0]["port"] for rule in policy["spec"]["egress"]]
    assert {5432, 4318} <= set(ports)

    alone = found(api, made, "apps/v1", "Deployment", "audit")["spec"]
    assert (alone["replicas"], alone["strategy"]["type"]) == (1, "Recreate")
    claim = found(api, made, "v1", "PersistentVolumeClaim", "audit-dedup")
    assert claim["spec"]["resources"]["requests"]["storage"] == "3Gi"
    assert api.get(Reference("keda.sh/v1alpha1", "ScaledObject", "audit", made)) is None

    lag = found(api, made, "apps/v1", "Deployment", "quorate-lag")["spec"]["template"]["spec"]
    assert lag["containers"][0]["args"][:2] == ["lag", "--records-only"]
    who = found(api, made, "kafka.strimzi.io/v1", "KafkaUser", "quorate-lag")
    allowed = {
        (acl["resource"]["type"], acl["resource"]["name"], *acl["operations"])
        for acl in who["spec"]["authorization"]["acls"]
    }
    assert allowed == {
        ("topic", "orders", "Describe"),
        *(("group", fleet["name"], "Describe") for fleet in FLEETS),
    }

    assert engine.up().changed() == ()
    engine.destroy()
