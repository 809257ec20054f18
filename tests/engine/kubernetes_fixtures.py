"""A real control plane for a run of the tests, and a namespace of its own for each test."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import crds
from tests.engine.control_plane.api import Reference
from tests.engine.control_plane.binaries import binaries
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import StandIn

PROVIDER = Path(__file__).parent / "kubernetes_provider"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Six ready nodes over zones a, b and c, and the kinds of every operator that is declared for.

    An API server, a scheduler and controllers as anywhere; no operators, and nothing runs.
    """
    running = ControlPlane.start(binaries())
    try:
        crds.install(running.api)
        yield running
    finally:
        running.stop()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace; after the test it is on its way out, and every node is back."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    control_plane.make_namespace(name)
    try:
        yield name
    finally:
        control_plane.api.delete(Reference("v1", "Namespace", name))
        control_plane.nodes.restore()


@pytest.fixture
def kubernetes(control_plane: ControlPlane) -> StandIn:
    """The stand-in for the Kubernetes provider, on the control plane."""
    return StandIn(PROVIDER, {"KUBECONFIG": str(control_plane.kubeconfig)})
