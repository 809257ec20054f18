"""A stack on a cluster that lacks an operator's kinds: said before anything is made there."""

from collections.abc import Iterator

import pytest

from blueprint.operators import KEDA, OPERATORS, PROMETHEUS, STRIMZI, Operator
from components.operators import OperatorsThere, OperatorsThereProvider
from tests.engine import crds
from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Reference
from tests.engine.control_plane.binaries import binaries
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import Engine, EngineFailed, StandIn
from tests.engine.kubernetes_fixtures import PROVIDER
from tests.engine.kubernetes_stack import new_namespace, program

pytestmark = pytest.mark.engine


@pytest.fixture
def bare() -> Iterator[ControlPlane]:
    """A control plane that no operator was ever installed on."""
    running = ControlPlane.start(binaries())
    try:
        yield running
    finally:
        running.stop()


def refused(engine: Engine, bare: ControlPlane, namespace: str, lacking: set[Operator]) -> None:
    """Both operations name exactly these operators, and leave the cluster as it was."""
    for operation in (engine.preview, engine.up):
        with pytest.raises(EngineFailed) as failed:
            operation()
        said = str(failed.value)
        assert "no matches for kind" not in said
        for operator in OPERATORS:
            assert (f"legal: {operator.wanted}" in said) == (operator in lacking)
            assert (operator.install in said) == (operator in lacking)
        assert "docs/kubernetes.md" in said
        assert bare.api.get(Reference("v1", "Namespace", namespace)) is None


@pytest.mark.timeout(600)
def test_operators_are_looked_for_before_anything_is_made(
    program_engine: ProgramEngines, bare: ControlPlane
) -> None:
    """All that lack are named at once, then the one that still does; with it, the stack is made."""
    namespace = new_namespace()
    stand_in = StandIn(PROVIDER, {"KUBECONFIG": str(bare.kubeconfig)})
    engine = program_engine(program(namespace), stand_in)

    refused(engine, bare, namespace, {STRIMZI, KEDA, PROMETHEUS})
    crds.install(bare.api, {STRIMZI.group, PROMETHEUS.group})
    refused(engine, bare, namespace, {KEDA})
    kinds = {one["type"].rpartition(":")[2] for one in engine.state().get("resources", [])}  # type: ignore[attr-defined]
    assert not kinds & {"Namespace", "Deployment", "KafkaTopic"}

    crds.install(bare.api)
    assert set(engine.up().counts) <= {"create", "same"}
    assert engine.up().changed() == ()
    engine.destroy()


def test_a_cluster_that_cannot_be_asked_is_not_said_to_lack_anything(bare: ControlPlane) -> None:
    """One that is away, or that does not know who asks: what comes next says so itself."""
    apis = [operator.api for operator in OPERATORS]
    known = bare.kubeconfig.read_text()
    stranger = known.replace("token: ", "token: not-")
    away = known.replace(bare.api.access.server, "https://127.0.0.1:1")
    asked = [
        OperatorsThereProvider().check({}, {"apis": apis, "kubeconfig": one, "context": None})
        for one in (known, stranger, away)
    ]
    assert [len(one.failures) for one in asked] == [len(OPERATORS), 0, 0]


def test_how_a_cluster_is_reached_is_kept_from_whoever_reads_the_state(
    program_engine: ProgramEngines, control_plane: ControlPlane
) -> None:
    """A kubeconfig that was given holds a token: it is kept as a ciphertext, and not shown."""
    text = control_plane.kubeconfig.read_text()

    def declare() -> None:
        OperatorsThere("operators", OPERATORS, text)

    engine = program_engine(declare)
    engine.up()
    token = control_plane.api.access.token
    assert token
    assert token not in engine.kept()
    assert engine.up().changed() == ()
