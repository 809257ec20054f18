"""The stand-in for the Kubernetes provider, driven by the real engine."""

import pulumi_kubernetes as k8s
import pytest

from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Reference
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import StandIn

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
