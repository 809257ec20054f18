"""The lab as a target. The one file of this room that knows it."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from chaos.experiment.model import LabSettings
from chaos.targets.target import Say, TargetError
from lab.cluster import Lab, tear_down
from lab.config import LabConfig, parse
from lab.problem import LabError
from lab.state import state_of
from lab.tools.cache import root
from lab.toxiproxy import LinkError


def state_root() -> Path:
    """Where leases are kept: beside everything else of this user."""
    return root()


class LabTarget:
    """One running lab."""

    def __init__(self, lab: Lab) -> None:
        """Take a running lab."""
        self._lab = lab
        self.outputs: StackOutputs = lab.outputs

    @classmethod
    def boot(cls, name: str, settings: LabSettings, say: Say) -> "LabTarget":
        """Start a lab of that name.

        Raises:
            BadInput: The settings contradict each other.
            TargetError: The machine stands in the way.
        """
        with _translated():
            return cls(Lab.up(config_of(name, settings), say))

    @classmethod
    def attach(cls, name: str) -> "LabTarget":
        """Find a lab that runs.

        Raises:
            BadInput: There is none of that name.
            TargetError: It was never ready.
        """
        with _translated():
            return cls(Lab.open(name))

    def kill(self, node_ids: Sequence[int]) -> None:
        """SIGKILL nodes, all at one moment."""
        with _translated():
            self._lab.kill(*node_ids)

    def start(self, node_ids: Sequence[int]) -> None:
        """Start those that do not run and wait until they listen."""
        with _translated():
            self._lab.start(*node_ids)

    def stall(self, links: Sequence[str]) -> None:
        """Hold back all data of links, both directions; connections stay open."""
        with _translated():
            self._lab.on_links(links, lambda link: link.stall())

    def slow(self, links: Sequence[str], latency_ms: float, jitter_ms: float) -> None:
        """Let the round trip over links grow by ``latency_ms``."""
        with _translated():
            self._lab.on_links(links, lambda link: link.latency(latency_ms, jitter_ms))

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Leave links as they were made."""
        with _translated():
            return self._lab.heal_links(links)

    def probe_s(self, links: Sequence[str], timeout_s: float) -> dict[str, float | None]:
        """The round trip over each link, all asked at one moment."""
        with _translated(), ThreadPoolExecutor(max(1, len(links))) as pool:
            handles = [self._lab.link(name) for name in links]
            found = pool.map(lambda handle: handle.probe(timeout_s), handles)
            return dict(zip(links, found, strict=True))


def config_of(name: str, settings: LabSettings) -> LabConfig:
    """The lab's own config of an experiment's lab.

    Raises:
        BadInput: The lab would refuse it.
    """
    return parse({"name": name, **settings.model_dump()}, "lab")


def keep_logs(name: str, folder: Path) -> None:
    """Copy what a lab's processes printed, before the lab goes down with it."""
    with suppress(OSError, shutil.Error):
        shutil.copytree(state_of(name).logs, folder, dirs_exist_ok=True)


def take_down(name: str) -> bool:
    """End a lab of that name, whole or half dead.

    Raises:
        TargetError: A process outlived SIGKILL.
    """
    with _translated():
        return tear_down(name)


def target_of(outputs: StackOutputs) -> LabTarget:
    """The target that outputs describe.

    Raises:
        BadInput: It is not a lab, or not one that runs here.
        TargetError: It was never ready.
    """
    if outputs.lab is None:
        given = f"target {outputs.target!r}"
        raise BadInput([Problem("outputs.target", given, "lab", "other targets are not built")])
    found = LabTarget.attach(outputs.lab.name)
    if found.outputs.cluster_id != outputs.cluster_id:
        raise BadInput(
            [
                Problem(
                    "outputs.cluster_id",
                    repr(outputs.cluster_id),
                    repr(found.outputs.cluster_id),
                    f"these outputs are of an earlier lab {outputs.lab.name!r}; print them again "
                    f"with `python -m lab outputs --name {outputs.lab.name}`",
                )
            ]
        )
    return found


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (LabError, LinkError) as error:
        raise TargetError(str(error)) from None
