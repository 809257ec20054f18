"""Every command of the README does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.equipment import have_tools
from lab.tools.cache import root

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
DOORS = [command for command in COMMANDS if command.startswith(".venv/bin/python")]


def test_every_make_target_exists() -> None:
    """``make gameday`` runs the game day, ``make test`` the tests."""
    targets = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    does = {"gameday": "-m chaos run gameday", "test": "-m pytest", "local": "up --stack local"}
    assert targets == list(does)
    for target, expected in does.items():
        said = subprocess.run(
            ["make", "-n", "-o", ".venv/.ready", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in said.stdout


def test_every_link_leads_somewhere() -> None:
    """Files of the repository that are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def own_cache(folder: Path) -> Path:
    """The user's tools, and no one else's labs."""
    have_tools()
    cache = folder / "cache"
    cache.mkdir()
    (cache / "tools").symlink_to(root() / "tools")
    return cache


@pytest.mark.cluster
def test_the_doors_do_what_the_readme_says(tmp_path: Path) -> None:
    """In the order in which they stand there, with the user's tools and no one else's labs."""
    cache = own_cache(tmp_path)
    environment = os.environ | {"QUORATE_CACHE": str(cache)}
    assert len(DOORS) >= 7
    try:
        for command in DOORS:
            words = [sys.executable, *command.split()[1:]]
            done = subprocess.run(
                words,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, (command, done.stderr)
    finally:
        # Where a door failed the lab may be there still.
        down = [sys.executable, "-m", "lab", "down"]
        subprocess.run(down, cwd=ROOT, env=environment, timeout=60, check=False)
    assert not list((cache / "labs").glob("[!.]*"))


@pytest.mark.cluster
@pytest.mark.engine
def test_a_platform_comes_and_goes_as_the_readme_says(tmp_path: Path) -> None:
    """On a copy of the project, since a new stack writes its salt beside its settings."""
    project, cache = tmp_path / "project", own_cache(tmp_path)
    kept = shutil.ignore_patterns(".git", ".venv", "runs", ".*_cache")
    shutil.copytree(ROOT, project, ignore=kept)
    (project / ".venv").symlink_to(ROOT / ".venv")
    environment = os.environ | {"QUORATE_CACHE": str(cache), "PULUMI_HOME": str(tmp_path / "home")}
    commands = [line for line in COMMANDS if line.startswith(("make local", "stacks/pulumi.sh"))]
    assert len(commands) == 3
    for command in commands:
        words = command.replace("make local", "make -o .venv/.ready local").split()
        done = subprocess.run(
            words,
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert not list((cache / "labs").glob("[!.]*"))
