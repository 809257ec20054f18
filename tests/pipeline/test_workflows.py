"""The workflows are legal, run what `make check` runs, and run nothing that is not a target."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.actionlint import actionlint

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
#: A major version: what is patched behind it is wanted, what changes is not.
_PINNED = re.compile(r"actions/[a-z-]+@v\d+")


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """Every step of a workflow or of an action."""
    said = yaml.safe_load(file.read_text())
    jobs = said["jobs"].values() if "jobs" in said else [said["runs"]]
    for job in jobs:
        yield from job["steps"]


def runs(name: str) -> list[str]:
    """What a workflow runs by command."""
    return [step["run"] for step in steps(GITHUB / "workflows" / name) if "run" in step]


def made_by(*targets: str) -> str:
    """The commands of make's targets, without what makes everything ready."""
    command = ["make", "-n", "-o", ".venv/.ready", *targets]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.engine
def test_the_workflows_are_legal() -> None:
    """As GitHub would read them: keys, expressions, contexts, inputs of actions, cron lines."""
    done = subprocess.run(
        [actionlint(), "-shellcheck=", "-pyflakes=", *WORKFLOWS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: str(file.stem))
def test_every_command_is_a_target(file: Path) -> None:
    """What the pipeline does, anybody can do."""
    for step in steps(file):
        if "run" in step:
            assert re.fullmatch(r"make [a-z-]+", step["run"]), step["run"]
            assert made_by(step["run"].removeprefix("make "))


def test_a_pull_request_is_checked_as_make_check_does() -> None:
    """The same steps, but for the summary that only a pipeline needs."""
    ran = [run.removeprefix("make ") for run in runs("pull-request.yml")]
    assert ran[-1] == "summary"
    assert made_by("check") == made_by(*ran[:-1])
    for part in ("ruff check", "pytest", "tests.engine.previews", "chaos run az-kill"):
        assert part in made_by("check")


def test_the_night_has_the_whole_game_day() -> None:
    """And tells of it."""
    assert runs("nightly.yml") == ["make gameday", "make summary"]
    assert "cron" in (GITHUB / "workflows" / "nightly.yml").read_text()


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: str(file.stem))
def test_actions_are_githubs_own_and_pinned(file: Path) -> None:
    """By their major version; one of the repository's own is named by its folder."""
    for step in steps(file):
        uses = step.get("uses")
        if uses is None:
            continue
        if uses.startswith("./"):
            assert (ROOT / uses / "action.yml").exists(), uses
        else:
            assert _PINNED.fullmatch(uses), uses


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_workflow_may_read_and_ends(file: Path) -> None:
    """No job may write to the repository, and none waits without an end."""
    said = yaml.safe_load(file.read_text())
    assert said["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 180 for job in said["jobs"].values())


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_game_day_is_told_of_however_it_ends(file: Path) -> None:
    """Annotations, a summary, and the report beside it."""
    of_game_day = list(yaml.safe_load(file.read_text())["jobs"]["game-day"]["steps"])
    told = [step for step in of_game_day if step.get("if") == "always()"]
    assert [step.get("run", step.get("uses")) for step in told] == [
        "make summary",
        "actions/upload-artifact@v4",
    ]
    assert "runs/" in told[1]["with"]["path"]
