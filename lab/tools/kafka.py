"""Kafka 4.3.1 as its 92 jars, and what Debezium adds, each pinned by coordinate and sha256."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jgo.maven
import requests

from lab.problem import LabError
from lab.tools.cache import install_once

VERSION = "4.3.1"
DEBEZIUM_VERSION = "3.7.0.Final"
_PINS = Path(__file__).parent / "kafka.jars"
_CONNECT_PINS = Path(__file__).parent / "connect.jars"
#: Enough to hide the round trips; more would only queue at the registry.
_PARALLEL = 8
_ATTEMPTS = 3

#: Called with the jars done and the jars in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Pin:
    """One jar: where it is and what it must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str


def pins(file: Path = _PINS) -> tuple[Pin, ...]:
    """The pinned jars, in the order of the file."""
    lines = (line.split() for line in file.read_text().splitlines() if line[:1] != "#")
    return tuple(_pin(coordinate, sha256) for coordinate, sha256 in lines)


def _pin(coordinate: str, sha256: str) -> Pin:
    group, artifact, version = coordinate.split(":")
    return Pin(group, artifact, version, sha256)


def jars(progress: Progress) -> Path:
    """The folder with every jar, fetched and checked if this user has not got it yet.

    Raises:
        LabError: A jar could not be fetched or is not the pinned one.
    """
    return _installed(f"kafka-{VERSION}", _PINS, progress)


def connect_jars(progress: Progress) -> Path:
    """The folder with what Connect and Debezium need beside Kafka's own jars.

    Raises:
        LabError: A jar could not be fetched or is not the pinned one.
    """
    return _installed(f"debezium-{DEBEZIUM_VERSION}", _CONNECT_PINS, progress)


def _installed(name: str, file: Path, progress: Progress) -> Path:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return install_once(f"{name}-{digest}", lambda room: _fetch_all(room, pins(file), progress))


def _fetch_all(room: Path, wanted: Sequence[Pin], progress: Progress) -> None:
    context = jgo.maven.MavenContext(repo_cache=room / ".fetched", timeout=60)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        fetched = pool.map(lambda pin: _fetch(context, pin), wanted)
        for done, (pin, jar) in enumerate(zip(wanted, fetched, strict=True), start=1):
            _check(pin, jar).rename(room / jar.name)
            progress(done, len(wanted))
    shutil.rmtree(room / ".fetched")


def _fetch(context: jgo.maven.MavenContext, pin: Pin) -> Path:
    artifact = context.project(pin.group, pin.artifact).at_version(pin.version).artifact()
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError, OSError) as error:
            reason = type(error).__name__
    raise LabError(
        f"could not fetch {pin.group}:{pin.artifact}:{pin.version} in {_ATTEMPTS} attempts "
        f"({reason}); check the network and try again, what was fetched is checked anew"
    )


def _check(pin: Pin, jar: Path) -> Path:
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != pin.sha256:
        raise LabError(
            f"{pin.group}:{pin.artifact}:{pin.version} has sha256 {found}, pinned is {pin.sha256}; "
            "it was changed on the way or at its source: nothing was installed"
        )
    return jar
