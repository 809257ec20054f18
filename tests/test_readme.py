"""Every command of the README does what it says."""

import os
import re
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
    assert targets == ["gameday", "test"]
    for target, expected in (("gameday", "-m chaos run gameday"), ("test", "-m pytest")):
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


@pytest.mark.cluster
def test_the_doors_do_what_the_readme_says(tmp_path: Path) -> None:
    """In the order in which they stand there, with the user's tools and no one else's labs."""
    have_tools()
    cache = tmp_path / "cache"
    cache.mkdir()
    for tool in root().iterdir():
        if tool.name not in ("labs", "leases"):
            (cache / tool.name).symlink_to(tool)
    environment = os.environ | {"QUORATE_CACHE": str(cache)}
    assert len(DOORS) >= 7
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
    assert not list((cache / "labs").glob("[!.]*"))
