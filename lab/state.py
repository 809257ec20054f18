"""The folder of one lab: what it was asked for, what it is, and where everything stands."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from blueprint.outputs import StackOutputs, load
from lab.config import LabConfig
from lab.problem import LabError
from lab.tools.cache import root

#: Longer than a cold start with every tool to be had.
_LOCK_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class State:
    """The paths and files of one lab."""

    folder: Path

    @property
    def data(self) -> Path:
        """The nodes' data folders."""
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.folder / "logs"

    @property
    def rendered(self) -> Path:
        """server.properties, hosts files and link files."""
        return self.folder / "rendered"

    @property
    def secrets(self) -> Path:
        """Keys, certificates and passwords."""
        return self.folder / "secrets"

    def exists(self) -> bool:
        """Whether a lab was begun here."""
        return (self.folder / "lab.json").exists()

    def write(self, config: LabConfig, slot: int, cluster_id: str) -> None:
        """Remember what the lab is, before its first process."""
        text = json.dumps(
            {"config": config.model_dump(mode="json"), "slot": slot, "cluster_id": cluster_id},
            indent=2,
        )
        self._replace("lab.json", text)

    def read(self) -> tuple[LabConfig, int, str]:
        """The config, the slot and the cluster id.

        Raises:
            LabError: The file is missing or damaged.
        """
        try:
            said = json.loads((self.folder / "lab.json").read_text())
            return LabConfig(**said["config"]), int(said["slot"]), str(said["cluster_id"])
        except (OSError, ValueError, KeyError, TypeError):
            name = self.folder.name
            raise LabError(
                f"{self.folder / 'lab.json'} is missing or damaged; "
                f"run `python -m lab down --name {name}`, which needs it not"
            ) from None

    def write_outputs(self, outputs: StackOutputs) -> None:
        """Publish the outputs: the lab is ready."""
        self._replace("outputs.json", outputs.to_json())

    def read_outputs(self) -> StackOutputs | None:
        """The outputs of a lab that has been ready, else None.

        Raises:
            BadInput: The file is damaged.
        """
        path = self.folder / "outputs.json"
        return load(path.read_text()) if path.exists() else None

    def _replace(self, name: str, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f".{name}"
        new.write_text(text)
        os.replace(new, self.folder / name)


def labs_root() -> Path:
    """The folder of all labs of this user."""
    return root() / "labs"


def state_of(name: str) -> State:
    """The state of the lab of that name; its folder may not exist."""
    return State(labs_root() / name)


def all_states() -> list[State]:
    """Every lab that was begun, by name."""
    return sorted(
        (state for path in labs_root().glob("*") if (state := State(path)).exists()),
        key=lambda state: state.folder.name,
    )


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock of the user's labs: one name's, or that of address allocation.

    Raises:
        LabError: Someone else has held it for ten minutes.
    """
    labs_root().mkdir(parents=True, exist_ok=True)
    lock = FileLock(labs_root() / f".{name}.lock", timeout=_LOCK_TIMEOUT_S)
    try:
        with lock:
            yield
    except Timeout:
        raise LabError(
            f"another process has been starting or stopping lab {name} for {_LOCK_TIMEOUT_S} s; "
            "see `python -m lab status` and end that process"
        ) from None
