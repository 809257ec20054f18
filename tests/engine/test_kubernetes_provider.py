"""The stand-in for the Kubernetes provider, driven by the real engine."""

import base64
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi_kubernetes.apiextensions import CustomResource

from lab import process
from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Api, Object, Reference
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import Engine, EngineFailed, Program, StandIn

pytestmark = pytest.mark.engine


def fleet(namespace: str, replicas: int = 2, label: str = "fleet") -> None:
    """Declare a small Deployment."""
    labels = {"app.kubernetes.io/name": label}
    container = k8s.core.v1.ContainerArgs(name="worker", image="worker:1")
    k8s.apps.v1.Deployment(
        "fleet",
        metadata=k8s.meta.v1.ObjectMetaArgs(name="fleet", namespace=namespace),
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=replicas,
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
                spec=k8s.core.v1.PodSpecArgs(containers=[container]),
            ),
        ),
    )


def test_life(
    program_engine: ProgramEngines, kubernetes: StandIn, control_plane: ControlPlane, namespace: str
) -> None:
    """Preview makes nothing; up makes it; up again, nothing; a change is that change; then gone."""
    which = Reference("apps/v1", "Deployment", "fleet", namespace)
    engine = program_engine(lambda: fleet(namespace), kubernetes)

    assert engine.preview().one("fleet").operation == "create"
    assert control_plane.api.get(which) is None

    assert engine.up().one("fleet").outputs["metadata"]["uid"]  # type: ignore[index]
    assert engine.up().changed() == ()
    assert engine.refresh().differences() == {}

    engine.become(lambda: fleet(namespace, replicas=3))
    for result in (engine.preview(), engine.up()):
        assert result.one("fleet").operation == "update"
        assert list(result.differences()["fleet"]) == ["spec.replicas"]
    live = control_plane.api.get(which)
    assert live is not None
    assert live["spec"]["replicas"] == 3

    engine.destroy()
    assert control_plane.api.get(which) is None


Driven = Callable[[Program], Engine]


@pytest.fixture
def api(control_plane: ControlPlane) -> Api:
    """The API server, asked without the engine."""
    return control_plane.api


@pytest.fixture
def drive(program_engine: ProgramEngines, kubernetes: StandIn, namespace: str) -> Driven:
    """An engine whose objects go into this test's namespace."""

    def driven(program: Program) -> Engine:
        config = {"kubernetes:namespace": namespace}
        return program_engine(program, kubernetes, config=config)

    return driven


def named(name: str) -> k8s.meta.v1.ObjectMetaArgs:
    """Metadata of a name alone."""
    return k8s.meta.v1.ObjectMetaArgs(name=name)


def topic(**spec: object) -> None:
    """Declare a KafkaTopic."""
    CustomResource(
        "topic",
        api_version="kafka.strimzi.io/v1",
        kind="KafkaTopic",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name="orders", labels={"strimzi.io/cluster": "quorate"}
        ),
        spec={"partitions": 12, "replicas": 3, **spec},
    )


def listed(api: Api, namespace: str, kind: str) -> list[Object]:
    """The objects of a kind in the test's namespace that the cluster did not put there itself."""
    own = {"kube-root-ca.crt"}
    found = api.objects("v1", kind, namespace)
    return [item for item in found if item["metadata"]["name"] not in own]


def written(room: Path) -> str:
    """Everything that the engine keeps of a test's stacks."""
    return "".join(
        file.read_text(errors="replace") for file in room.rglob("*") if file.suffix == ".json"
    )


def test_refused_at_preview(drive: Driven, api: Api, namespace: str) -> None:
    """What the API server would refuse is refused by a preview, with every error, by ``up`` too."""
    engine = drive(lambda: fleet(namespace, replicas=-1, label="not a label!"))

    for operation in (engine.preview, engine.up):
        with pytest.raises(EngineFailed) as failed:
            operation()
        said = str(failed.value)
        assert "spec.replicas: Invalid value: -1" in said
        assert "spec.selector: Invalid value" in said
        assert "Traceback" not in said
    assert api.objects("apps/v1", "Deployment", namespace) == []


def test_half_failed(drive: Driven, api: Api, namespace: str) -> None:
    """An ``up`` of which one part was refused is repeated once that part is right."""

    def declare(replicas: int) -> None:
        k8s.core.v1.ConfigMap("settings", metadata=named("settings"), data={"key": "value"})
        fleet(namespace, replicas)

    engine = drive(lambda: declare(-1))
    with pytest.raises(EngineFailed):
        engine.up()

    engine.become(lambda: declare(1))
    assert engine.up().one("fleet").operation == "create"
    assert [item["data"] for item in listed(api, namespace, "ConfigMap")] == [{"key": "value"}]


def test_custom_resource(drive: Driven, api: Api, namespace: str) -> None:
    """A kind of an operator is made, changed and judged like any other."""
    engine = drive(topic)
    engine.up()
    found = api.get(Reference("kafka.strimzi.io/v1", "KafkaTopic", "orders", namespace))
    assert found is not None
    assert found["spec"] == {"partitions": 12, "replicas": 3}

    engine.become(lambda: topic(partitions=24))
    assert list(engine.up().differences()["topic"]) == ["spec.partitions"]

    engine.become(lambda: topic(partition=24))
    with pytest.raises(EngineFailed, match=r"spec\.partition\b"):
        engine.preview()


def test_made_of_one_another(drive: Driven, api: Api) -> None:
    """A preview of objects in a namespace and of a kind that do not exist yet is no error."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    group = "test.quorate.invalid"
    definition = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        ],
    }

    def declare() -> None:
        space = k8s.core.v1.Namespace("space")
        inside = k8s.meta.v1.ObjectMetaArgs(name="inside", namespace=space.metadata.name)
        k8s.core.v1.ConfigMap("inside", metadata=inside, data={"key": space.metadata.uid})
        kind = CustomResource(
            "kind",
            api_version="apiextensions.k8s.io/v1",
            kind="CustomResourceDefinition",
            metadata=named(f"widgets.{group}"),
            spec=definition,
        )
        CustomResource(
            "widget",
            api_version=f"{group}/v1",
            kind="Widget",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="inside", namespace=space.metadata.name),
            opts=pulumi.ResourceOptions(depends_on=kind),
        )

    engine = drive(declare)
    assert engine.preview().counts["create"] >= 4
    space = engine.up().one("space").outputs["metadata"]
    assert isinstance(space, dict)
    assert api.get(Reference(f"{group}/v1", "Widget", "inside", space["name"])) is not None

    engine.destroy()
    assert api.get(Reference("v1", "Namespace", space["name"])) is None


def test_no_such_kind(drive: Driven) -> None:
    """A kind that Kubernetes does not have is refused at preview."""

    def declare() -> None:
        CustomResource("odd", api_version="apps/v1", kind="Deploiment", metadata=named("odd"))

    with pytest.raises(EngineFailed, match="no Deploiment of apps/v1"):
        drive(declare).preview()


def test_bad_in_new_namespace(drive: Driven) -> None:
    """What is to go into a namespace of the same stack is judged at preview all the same."""

    def declare() -> None:
        k8s.core.v1.Namespace("space", metadata=named("of-this-stack"))
        fleet("of-this-stack", replicas=-1)

    with pytest.raises(EngineFailed, match=r"spec\.replicas"):
        drive(declare).preview()


def test_autonaming(drive: Driven, api: Api, namespace: str) -> None:
    """A name that is made up stays while the object does, and its successor has another."""

    def declare(value: str, label: str) -> None:
        metadata = k8s.meta.v1.ObjectMetaArgs(labels={"of": label})
        k8s.core.v1.ConfigMap("settings", metadata=metadata, data={"key": value})

    engine = drive(lambda: declare("one", "a"))
    engine.up()
    (first,) = (item["metadata"]["name"] for item in listed(api, namespace, "ConfigMap"))
    assert first.startswith("settings-")

    engine.become(lambda: declare("one", "b"))
    assert engine.up().one("settings").operation == "update"
    assert [item["metadata"]["name"] for item in listed(api, namespace, "ConfigMap")] == [first]

    engine.become(lambda: declare("two", "b"))
    assert engine.up().one("settings").operation == "replace"
    (second,) = (item["metadata"]["name"] for item in listed(api, namespace, "ConfigMap"))
    assert second != first


def test_replaced(drive: Driven, api: Api, namespace: str) -> None:
    """What cannot be changed is made anew; with a name of its own, the old one goes first."""
    engine = drive(lambda: fleet(namespace))
    engine.up()
    which = Reference("apps/v1", "Deployment", "fleet", namespace)
    before = api.get(which)

    engine.become(lambda: fleet(namespace, label="other"))
    replaced = engine.preview().differences()["fleet"]
    path = 'spec.selector.matchLabels["app.kubernetes.io/name"]'
    assert replaced[path].kind == "update-replace"
    engine.up()

    after = api.get(which)
    assert before is not None
    assert after is not None
    assert before["metadata"]["uid"] != after["metadata"]["uid"]


def test_drift(drive: Driven, api: Api, namespace: str) -> None:
    """A field that someone else changed is seen by a refresh and put right by the next ``up``."""
    engine = drive(lambda: fleet(namespace))
    engine.up()
    which = Reference("apps/v1", "Deployment", "fleet", namespace)
    api.patch(which, {"spec": {"replicas": 5}})

    engine.refresh()
    assert list(engine.up().differences()["fleet"]) == ["spec.replicas"]

    live = api.get(which)
    assert live is not None
    assert live["spec"]["replicas"] == 2


def test_secrets(drive: Driven, api: Api, namespace: str, tmp_path: Path) -> None:
    """Neither a Secret nor a value that the program keeps secret is in the state in clear."""
    plain, kept = "of-a-secret-object", "of-a-secret-value"

    def declare() -> None:
        k8s.core.v1.Secret("login", metadata=named("login"), string_data={"password": plain})
        data = {"password": pulumi.Output.secret(kept)}
        settings = k8s.core.v1.ConfigMap("settings", metadata=named("settings"), data=data)
        pulumi.export("settings", settings.data)

    engine = drive(declare)
    result = engine.up()
    seen = written(tmp_path) + repr(result)

    for text in (plain, kept):
        assert text not in seen
        assert base64.b64encode(text.encode()).decode() not in seen
    assert engine.secret_outputs() == {"settings"}
    (login,) = listed(api, namespace, "Secret")
    assert base64.b64decode(login["data"]["password"]).decode() == plain
    assert engine.refresh().differences() == {}
    assert engine.up().changed() == ()


def test_kubeconfig_of_provider(
    program_engine: ProgramEngines,
    kubernetes: StandIn,
    control_plane: ControlPlane,
    namespace: str,
    tmp_path: Path,
) -> None:
    """A kubeconfig given to the provider is used, and one that cannot be is refused by name."""

    def declare(text: str) -> None:
        secret = pulumi.Output.secret(text)
        provider = k8s.Provider("cluster", kubeconfig=secret, namespace=namespace)
        options = pulumi.ResourceOptions(provider=provider)
        k8s.core.v1.ConfigMap("settings", metadata=named("settings"), data={}, opts=options)

    alone = StandIn(kubernetes.folder, {"KUBECONFIG": ""})
    engine = program_engine(lambda: declare(control_plane.kubeconfig.read_text()), alone)
    engine.up()
    assert len(listed(control_plane.api, namespace, "ConfigMap")) == 1
    assert control_plane.api.access.token not in written(tmp_path)

    engine.become(lambda: declare("{}"))
    with pytest.raises(EngineFailed, match="kubeconfig has no context"):
        engine.up()


def test_nothing_left(drive: Driven, control_plane: ControlPlane, namespace: str) -> None:
    """No provider outlives the engine that started it."""
    drive(lambda: fleet(namespace)).preview()

    own = str(control_plane.kubeconfig)
    left = process.find_all("tests.engine.kubernetes_provider", exact=True)
    assert [found.pid for found in left if found.environ().get("KUBECONFIG") == own] == []
