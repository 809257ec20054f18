"""Leases: what a run is about to disturb and how to undo it, on disk before it happens.

A lease belongs to a process, told by its pid and the moment it was started. When that process is
gone, or the lease's deadline has passed, anyone may undo it: the run's reaper or ``restore``.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Action = Literal["heal-links", "start-nodes", "end-workers", "lab-down", "outbox-down"]
Text = Annotated[str, Field(min_length=1, max_length=1024)]
#: The start time of a process is read with the resolution of the kernel's clock tick.
_SAME_START_S = 0.05


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Undo(_Strict):
    """One way back on this machine; may be repeated."""

    action: Action
    names: tuple[str, ...] = ()


class RestoreAcls(_Strict):
    """The way back from a zone cut off on AWS; credentials are all that is needed besides.

    Attributes:
        mark: Which network ACL is the cut's: the value of its tag ``quorate:cut``.
        original: The network ACL of each subnet before the cut, by subnet id.
    """

    action: Literal["restore-acls"] = "restore-acls"
    region: Text
    account_id: Text
    vpc_id: Text
    mark: Text
    original: Annotated[dict[Text, Text], Field(min_length=1)]


WayBack = Annotated[Undo | RestoreAcls, Field(discriminator="action")]


class Place(_Strict):
    """The cluster that a run disturbs: ``lab quorate``, ``aws production``."""

    target: Literal["lab", "aws", "kubernetes"]
    name: Text

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self.target} {self.name}"


class Owner(_Strict):
    """A process, not to be mistaken for a later one of the same pid."""

    pid: Annotated[int, Field(gt=0)]
    started_s: float

    @classmethod
    def me(cls) -> "Owner":
        """This process."""
        return cls(pid=os.getpid(), started_s=psutil.Process().create_time())

    def alive(self) -> bool:
        """Whether it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_s) < _SAME_START_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class Lease(_Strict):
    """What one step of a run disturbs.

    Attributes:
        run_dir: The run's folder.
        what: The fault's id, or ``run`` for what the run itself started.
        place: What it disturbs.
        deadline_s: Unix time after which it is undone even while its owner lives.
        undo: The ways back, in the order in which they are to be gone.
    """

    run_dir: str
    what: str
    place: Place
    owner: Owner
    deadline_s: float
    undo: tuple[WayBack, ...]


@dataclass(frozen=True, slots=True)
class LeaseBook:
    """The folder of this user's leases."""

    folder: Path

    def write(self, lease: Lease) -> Path:
        """Put a lease on disk, durably; only then may its fault begin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{Path(lease.run_dir).name}.{lease.what}.json"
        new = path.with_suffix(".new")
        with new.open("w") as file:
            file.write(lease.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        self._sync()
        return path

    def release(self, path: Path) -> None:
        """Remove a lease whose fault has been undone."""
        path.unlink(missing_ok=True)
        self._sync()

    def all(self) -> list[tuple[Path, Lease]]:
        """Every lease, the newest first, so that faults are undone before their run's own lab."""
        found = []
        for path in self.folder.glob("*.json"):
            lease = _read(path)
            if lease is not None:
                found.append((path, lease))
        return sorted(found, key=lambda pair: pair[1].what == "run")

    def damaged(self) -> list[Path]:
        """Files that are no leases: nobody can say what they would undo."""
        return [path for path in self.folder.glob("*.json") if path.exists() and not _read(path)]

    def _sync(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> Lease | None:
    try:
        return Lease.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError, RecursionError):
        return None
