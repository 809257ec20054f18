"""The engine, its rooms, and what stands in for the providers; see ``tests/engine/harness``."""

from pathlib import Path
from typing import Protocol

import pytest

from lab.tools import pulumi
from lab.tools.pulumi import PulumiTools
from tests.engine.harness.engine import Config, Engine, Program, Room, StandIn
from tests.engine.kubernetes_fixtures import control_plane as control_plane
from tests.engine.kubernetes_fixtures import kubernetes as kubernetes
from tests.engine.kubernetes_fixtures import namespace as namespace


class ProgramEngines(Protocol):
    """Makes an engine of a program."""

    def __call__(
        self, program: Program, *stand_ins: StandIn, config: Config | None = None, stack: str = ...
    ) -> Engine:
        """An engine over this program, with these stand-ins on PATH."""


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
