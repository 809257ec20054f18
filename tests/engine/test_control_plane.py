"""The control plane that stacks are judged by is a real one, and a zone of it can be lost."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from lab import process
from tests.engine.control_plane.api import ApiError, Object, Reference, wait_for
from tests.engine.control_plane.control_plane import ControlPlane, end_orphans
from tests.engine.control_plane.nodes import ZONE_LABEL, ZONES

pytestmark = pytest.mark.engine

_STARTER = """
from tests.engine.control_plane.binaries import binaries
from tests.engine.control_plane.control_plane import ControlPlane

print(ControlPlane.start(binaries()).folder, flush=True)
input()
"""
_LABELS = {"app.kubernetes.io/name": "fleet"}
_SELECTOR = {"matchLabels": _LABELS}


def fleet(namespace: str, replicas: int = 6) -> Object:
    """A Deployment whose pods are to be spread over the zones."""
    spread = {
        "maxSkew": 1,
        "topologyKey": ZONE_LABEL,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": _SELECTOR,
    }
    pod = {
        "topologySpreadConstraints": [spread],
        "containers": [{"name": "worker", "image": "worker:1"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "fleet", "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": _SELECTOR,
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }


def budget(namespace: str, min_available: int) -> Object:
    """How few of the fleet's pods there may be."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "fleet", "namespace": namespace},
        "spec": {"minAvailable": min_available, "selector": _SELECTOR},
    }


def spread(control_plane: ControlPlane, namespace: str) -> dict[str | None, int]:
    """How many pods each zone has; under None those that wait for a place."""
    pods = control_plane.api.objects("v1", "Pod", namespace)
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return dict(Counter(control_plane.nodes.zone_of(pod) for pod in staying))


def await_spread(control_plane: ControlPlane, namespace: str, **wanted: int) -> None:
    """Wait until the zones have so many pods, and no pod waits."""
    wait_for(f"pods to be {wanted}", lambda: spread(control_plane, namespace) == wanted)


def await_allowed(control_plane: ControlPlane, namespace: str, disruptions: int) -> None:
    """Wait until the budget allows so many pods to be evicted."""
    which = Reference("policy/v1", "PodDisruptionBudget", "fleet", namespace)

    def allowed() -> bool:
        found = control_plane.api.get(which)
        status = found["status"] if found else {}
        seen = status.get("observedGeneration") == 1 and status.get("expectedPods") == 6
        return seen and status["disruptionsAllowed"] == disruptions

    wait_for(f"{disruptions} disruptions to be allowed", allowed)


def evict(control_plane: ControlPlane, pod: Object) -> None:
    """Ask for a pod to go as a drained node would."""
    path = control_plane.api.path(Reference.of(pod))
    name = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name}
    control_plane.api.request("POST", f"{path}/eviction", body=eviction)


def test_spread(control_plane: ControlPlane, namespace: str) -> None:
    """Six replicas with a zone constraint land two in each zone, and are ready."""
    control_plane.api.apply(fleet(namespace))
    await_spread(control_plane, namespace, a=2, b=2, c=2)
    which = Reference("apps/v1", "Deployment", "fleet", namespace)

    def ready() -> bool:
        found = control_plane.api.get(which)
        return found is not None and found["status"].get("readyReplicas") == 6

    wait_for("six ready replicas", ready)


def test_bad_deployment(control_plane: ControlPlane, namespace: str) -> None:
    """Illegal values are a 422 that names every one of them."""
    bad = fleet(namespace, replicas=-1)
    bad["metadata"]["name"] = "not_a_name"
    bad["spec"]["template"]["metadata"]["labels"] = {"other": "label"}
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = ""

    with pytest.raises(ApiError) as refused:
        control_plane.api.apply(bad)

    assert refused.value.status == 422
    fields = {cause.partition(":")[0] for cause in refused.value.causes}
    assert fields == {
        "metadata.name",
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].name",
    }


def test_misspelt_fields(control_plane: ControlPlane, namespace: str) -> None:
    """Fields that a kind does not have are refused, all at once."""
    bad = fleet(namespace)
    bad["spec"] |= {"replica": 6, "strategi": {}}

    with pytest.raises(ApiError, match=r'"spec\.replica".*"spec\.strategi"'):
        control_plane.api.apply(bad)


def test_zone_lost(control_plane: ControlPlane, namespace: str) -> None:
    """With a zone's nodes gone the budget refuses more, until the pods are placed anew."""
    api = control_plane.api
    api.apply(fleet(namespace))
    api.apply(budget(namespace, min_available=4))
    await_spread(control_plane, namespace, a=2, b=2, c=2)
    await_allowed(control_plane, namespace, 2)
    for zone in ("b", "c"):
        control_plane.nodes.cordon_zone(zone)  # so that what is lost stays lost for now

    control_plane.nodes.lose_zone("a")

    await_allowed(control_plane, namespace, 0)
    assert {k: v for k, v in spread(control_plane, namespace).items() if k} == {"b": 2, "c": 2}
    left = [p for p in api.objects("v1", "Pod", namespace) if p["spec"].get("nodeName")]
    with pytest.raises(ApiError, match="disruption budget") as refused:
        evict(control_plane, left[0])
    assert refused.value.status == 429

    for zone in ("b", "c"):
        control_plane.nodes.uncordon_zone(zone)
    await_spread(control_plane, namespace, b=3, c=3)
    await_allowed(control_plane, namespace, 2)
    evict(control_plane, left[0])


def test_zone_cordoned(control_plane: ControlPlane, namespace: str) -> None:
    """A cordoned zone still counts for the spread: what may not go elsewhere waits."""
    control_plane.nodes.cordon_zone("c")
    control_plane.api.apply(fleet(namespace))

    expected = {"a": 1, "b": 1, None: 4}
    wait_for("the rest to wait", lambda: spread(control_plane, namespace) == expected)
    control_plane.nodes.restore()
    await_spread(control_plane, namespace, a=2, b=2, c=2)


def test_restore(control_plane: ControlPlane, namespace: str) -> None:
    """After any of it there are six ready nodes again."""
    for zone in ZONES:
        control_plane.nodes.lose_zone(zone)
    assert control_plane.api.objects("v1", "Node") == []

    control_plane.nodes.restore()

    nodes = control_plane.api.objects("v1", "Node")
    zones = Counter(node["metadata"]["labels"][ZONE_LABEL] for node in nodes)
    assert zones == {"a": 2, "b": 2, "c": 2}
    assert not any(node["spec"].get("taints") for node in nodes)


def test_killed(control_plane: ControlPlane) -> None:
    """What a run that was killed has left is ended by the next, and no other run's."""
    starter = subprocess.Popen([sys.executable, "-c", _STARTER], stdin=PIPE, stdout=PIPE, text=True)
    with starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        starter.kill()
    names = {found.name() for found in process.find_all(f"{folder}/run/")}
    assert names == {"etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager"}

    end_orphans()

    assert process.find_all(f"{folder}/run/") == []
    assert not folder.exists()
    assert control_plane.api.ready()


def kafka(namespace: str) -> Object:
    """A Kafka cluster as Strimzi's operator takes it."""
    listener = {"name": "tls", "port": 9093, "type": "internal", "tls": True}
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "Kafka",
        "metadata": {"name": "quorate", "namespace": namespace},
        "spec": {"kafka": {"listeners": [listener], "rack": {"topologyKey": ZONE_LABEL}}},
    }


def autoscaler(namespace: str) -> Object:
    """Scaling on lag as KEDA takes it."""
    trigger = {"type": "kafka", "metadata": {"topic": "orders", "lagThreshold": "10000"}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "fleet", "namespace": namespace},
        "spec": {"scaleTargetRef": {"name": "fleet"}, "triggers": [trigger]},
    }


def monitor(namespace: str) -> Object:
    """What prometheus-operator scrapes."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "fleet", "namespace": namespace},
        "spec": {"selector": _SELECTOR, "podMetricsEndpoints": [{"port": "metrics"}]},
    }


@pytest.mark.parametrize("good", [kafka, autoscaler, monitor])
def test_custom_resources(
    control_plane: ControlPlane, namespace: str, good: Callable[[str], Object]
) -> None:
    """The operators' kinds are known, and a legal object of each is admitted."""
    body = good(namespace)
    control_plane.api.apply(body)
    assert control_plane.api.get(Reference.of(body)) is not None


def test_bad_kafka(control_plane: ControlPlane, namespace: str) -> None:
    """A Kafka that Strimzi could not read is refused, with every reason."""
    bad = kafka(namespace)
    bad["spec"]["kafka"]["listeners"][0] |= {"type": "extern", "port": 80}

    with pytest.raises(ApiError) as refused:
        control_plane.api.apply(bad)

    fields = {cause.partition(":")[0] for cause in refused.value.causes}
    assert {f"spec.kafka.listeners[0].{name}" for name in ("type", "port")} <= fields


def test_bad_autoscaler(control_plane: ControlPlane, namespace: str) -> None:
    """A ScaledObject that KEDA could not read is refused."""
    bad = autoscaler(namespace)
    bad["spec"]["maxReplicaCount"] = "ten"
    with pytest.raises(ApiError, match="maxReplicaCount"):
        control_plane.api.apply(bad)

    bad = autoscaler(namespace)
    bad["spec"]["maxReplicas"] = 10
    with pytest.raises(ApiError, match=r"spec\.maxReplicas"):
        control_plane.api.apply(bad)
