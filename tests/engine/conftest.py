"""The engine, its rooms, and what stands in for the providers; see ``tests/engine/harness``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from lab.tools import pulumi
from lab.tools.pulumi import PulumiTools
from tests.engine.aws_provider.stand_in import REGION, Moto, running_moto
from tests.engine.harness.engine import Config, Engine, Room, StandIn
from tests.engine.harness.loops import Program
from tests.engine.kubernetes_fixtures import control_plane as control_plane
from tests.engine.kubernetes_fixtures import kubernetes as kubernetes
from tests.engine.kubernetes_fixtures import namespace as namespace

#: pulumi_aws says so of resources of its own when a module of it is imported, used or not.
_OWN_DEPRECATIONS = "ignore:.* has been deprecated in favor of:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests import what they declare."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_OWN_DEPRECATIONS))


class ProgramEngines(Protocol):
    """Makes an engine of a program."""

    def __call__(
        self, program: Program, *stand_ins: StandIn, config: Config | None = None, stack: str = ...
    ) -> Engine:
        """An engine over this program, with these stand-ins on PATH."""


class AwsEngines(Protocol):
    """Makes an engine of a program of AWS."""

    def __call__(
        self, program: Program, *, config: Config | None = None, stack: str = ...
    ) -> Engine:
        """An engine over this program, with the AWS stand-in on PATH and a region set."""


class ProjectEngines(Protocol):
    """Makes an engine of the project's own program."""

    def __call__(self, stack: str, *stand_ins: StandIn, config: Config | None = None) -> Engine:
        """An engine over this stack, with these stand-ins on PATH."""


@pytest.fixture(scope="session")
def pulumi_tools() -> PulumiTools:
    """The CLI, built if this machine has not got it yet."""
    return pulumi.pulumi_tools()


@pytest.fixture
def program_engine(pulumi_tools: PulumiTools, tmp_path: Path) -> ProgramEngines:
    """Engines of small programs, in a room of this test."""

    def made(
        program: Program, *stand_ins: StandIn, config: Config | None = None, stack: str = "test"
    ) -> Engine:
        return Engine.of_program(program, Room(tmp_path, pulumi_tools, stand_ins), config, stack)

    return made


@pytest.fixture
def project_engine(pulumi_tools: PulumiTools, tmp_path: Path) -> ProjectEngines:
    """Engines of the project itself, in a room of this test."""

    def made(stack: str, *stand_ins: StandIn, config: Config | None = None) -> Engine:
        return Engine.of_project(stack, Room(tmp_path, pulumi_tools, stand_ins), config)

    return made


@pytest.fixture(scope="session")
def _moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """One moto for all; what is emptied costs less than what is started."""
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def aws(_moto: Moto) -> Moto:
    """An AWS with nothing in it."""
    _moto.reset()
    return _moto


@pytest.fixture
def aws_engine(program_engine: ProgramEngines, aws: Moto) -> AwsEngines:
    """Engines of small programs of AWS, in a room of this test."""

    def made(program: Program, *, config: Config | None = None, stack: str = "test") -> Engine:
        settings = {"aws:region": REGION, **(config or {})}
        return program_engine(program, aws.provider, config=settings, stack=stack)

    return made
