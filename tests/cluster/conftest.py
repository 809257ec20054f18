"""One lab for all tests that only disturb it, and the doors as a user calls them."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from lab.cluster import Lab
from lab.config import LabConfig
from lab.postgres import Postgres
from tests.fleet.running_fleet import MakeFleet, fleets

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Door:
    """A command of the project, started in its folder.

    Attributes:
        environment: Besides this process's own.
    """

    module: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and let it go on."""
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200", **self.environment},
        )

    def call(self, *arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """Start it and wait for its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture(scope="session")
def chaos() -> Door:
    """``python -m chaos``."""
    return Door("chaos")


@pytest.fixture(scope="session")
def lab_name() -> str:
    """A name that no other run of the tests has."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def lab(lab_name: str) -> Iterator[Lab]:
    """A running lab, gone at the end."""
    running = Lab.up(LabConfig(name=lab_name))
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
def outputs_file(lab: Lab, tmp_path: Path) -> Path:
    """The lab's StackOutputs as a file."""
    path = tmp_path / "outputs.json"
    path.write_text(lab.outputs.to_json())
    return path


Run = Callable[[str, Sequence[str]], tuple[subprocess.CompletedProcess[str], Path]]


@pytest.fixture
def run(chaos: Door, outputs_file: Path, tmp_path: Path) -> Run:
    """Runs an experiment on the shared lab; returns the process and the run's folder."""

    def run_it(
        name: str, arguments: Sequence[str] = ()
    ) -> tuple[subprocess.CompletedProcess[str], Path]:
        runs = tmp_path / "runs"
        done = chaos.call(
            "run", name, "--outputs", str(outputs_file), "--runs-dir", str(runs), *arguments
        )
        folders = sorted(runs.glob("*")) if runs.exists() else []
        assert folders, done.stderr
        return done, folders[-1]

    return run_it


@pytest.fixture
def make_fleet(lab: Lab, outputs_file: Path, tmp_path: Path) -> Iterator[MakeFleet]:
    """Fleets on the lab."""
    with fleets(outputs_file, lab.outputs.bootstrap_servers["a"], tmp_path) as make:
        yield make


@pytest.fixture
def database() -> Iterator[Postgres]:
    """A PostgreSQL with a table of effects, gone at the end."""
    running = Postgres.up(f"test-{uuid.uuid4().hex[:8]}")
    with psycopg.connect(running.dsn) as connection:
        connection.execute(
            "create table effects (id bigserial, place int, log_offset bigint, key text, value int)"
        )
    yield running
    running.down()
