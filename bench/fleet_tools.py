"""How the peers of the lanes benchmark are had: pinned, checked by hash, kept once per user."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import jgo.maven

from lab.problem import LabError
from lab.tools.cache import install_once
from lab.tools.java import java

PEERS = Path(__file__).parent / "fleet_peers"
_BUILD_TIMEOUT_S = 300


def java_driver() -> list[str]:
    """The command of the Java parallel consumer's driver, compiled if this user has not got it.

    Raises:
        LabError: A jar cannot be had or is not the pinned one, or the driver does not compile.
    """
    pins, source = PEERS / "java.jars", PEERS / "Driver.java"
    digest = hashlib.sha256(pins.read_bytes() + source.read_bytes()).hexdigest()[:12]
    folder = install_once(
        f"java-parallel-consumer-{digest}", lambda room: _compile(room, pins, source)
    )
    return [str(java()), "-Xmx2g", "-cp", f"{folder}/classes:{folder}/*", "Driver"]


def pyrallel_driver() -> tuple[list[str], dict[str, str]]:
    """The command of pyrallel-consumer's driver, and what it needs in its environment.

    Raises:
        LabError: It cannot be installed.
    """
    pins = PEERS / "pyrallel.txt"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    folder = install_once(
        f"pyrallel-consumer-{digest}-{version}", lambda room: _install(room, pins)
    )
    command = [sys.executable, "-S", str(PEERS / "pyrallel_driver.py")]
    return command, {"PYTHONPATH": str(folder)}


def _compile(room: Path, pins: Path, source: Path) -> None:
    context = jgo.maven.MavenContext(repo_cache=room / ".fetched", timeout=60)
    for line in pins.read_text().splitlines():
        if line[:1] == "#":
            continue
        coordinate, wanted = line.split()
        group, artifact, version = coordinate.split(":")
        project = context.project(group, artifact).at_version(version)
        jar = Path(project.artifact().resolve())
        if hashlib.sha256(jar.read_bytes()).hexdigest() != wanted:
            raise LabError(f"{coordinate} is not the pinned one: nothing was installed")
        jar.rename(room / jar.name)
    shutil.rmtree(room / ".fetched")
    (compiler,) = room.glob("ecj-*.jar")
    path = ":".join(str(jar) for jar in room.glob("*.jar"))
    arguments = ["-source", "17", "-target", "17", "-proc:none", "-cp", path]
    _run([java(), "-jar", compiler, *arguments, "-d", room / "classes", source])


def _install(room: Path, pins: Path) -> None:
    scratch = room / ".scratch"
    _run([sys.executable, "-m", "venv", scratch])
    pip = [scratch / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes"]
    # It declares Python 3.12; nothing in its version 1.0.0 needs that.
    _run([*pip, "--no-deps", "--ignore-requires-python", "--target", room, "-r", pins])
    shutil.rmtree(scratch)


def _run(command: list[object]) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise LabError(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")
