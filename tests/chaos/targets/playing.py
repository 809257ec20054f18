"""An az-blackhole as a run plays it, its calls recorded, and killed where a test wants it."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import boto3

from blueprint.outputs import load as load_outputs
from chaos.experiment.load import load
from chaos.experiment.model import Step
from chaos.faults.az_blackhole import AzBlackhole
from chaos.faults.fault import Scene
from chaos.group import Group
from chaos.history.write import EventLog
from chaos.interrupt import Aborted, Interrupts
from chaos.leases import Owner
from chaos.live import Live
from chaos.reaper import spawn
from chaos.restore import lease_book
from chaos.stepping import Stage, disturb
from chaos.targets.aws import AwsTarget
from chaos.terminal import Terminal
from chaos.topic import Topic
from tests.chaos.targets.network import (
    described,
    enforced,
    session,
)


def calls_of(subnets: int) -> tuple[str, ...]:
    """One az-blackhole on a zone of so many subnets, call by call."""
    moved = ("ReplaceNetworkAclAssociation",) * subnets
    return (
        # May it be cut off, and what rules its subnets?
        *("GetCallerIdentity", "DescribeVpcs", "DescribeSubnets", "DescribeNetworkAcls"),
        "DescribeNetworkAcls",
        # Here the lease is written; then the cut, read back.
        *("CreateNetworkAcl", "DescribeNetworkAcls", *moved, "DescribeNetworkAcls"),
        # The effect.
        "DescribeNetworkAcls",
        # The heal, read back.
        *("DescribeNetworkAcls", *moved, "DeleteNetworkAcl", "DescribeNetworkAcls"),
    )


#: Of a zone of two subnets.
ALL_CALLS = calls_of(2)
BEFORE_THE_LEASE = 5


def cut_and_mend(target: AwsTarget, run_dir: Path, zone: str = "a", hold_s: float = 0.0) -> None:
    """Play one az-blackhole as a run does, from the lease to the heal.

    Everything of the stage is real but for the topic and the group, which no cut asks for anything.
    """
    log = EventLog(run_dir / "history", run_dir.name, "az-blackhole", 1)
    interrupts = Interrupts()
    stage = Stage(
        experiment=load("az-blackhole"),
        run_dir=run_dir,
        target=target,
        topic=cast(Topic, None),
        group=cast(Group, None),
        log=log,
        live=Live(log, 1),
        leases=lease_book(),
        interrupts=interrupts,
        terminal=Terminal(60.0),
    )
    step = Step(id="cut", fault="az-blackhole", zone=zone, hold_s=hold_s)
    mark = f"{run_dir.name}.{step.id}"
    try:
        with interrupts.catching():
            interrupts.unmask()
            scene = Scene(target=target, topic="", zone=zone, members=stage.group, mark=mark)
            disturb(stage, step, AzBlackhole(scene), zone)
    finally:
        log.close()


class Killed(BaseException):
    """What a test raises in place of SIGKILL: no handler is for it."""


class Calls:
    """Records every call to AWS of the default session; dead after the last that it lets through.

    Once dead every further call is dead too: a process that was killed does not clean up.
    """

    def __init__(
        self,
        last: int | None = None,
        *,
        answered: bool = True,
        die: Callable[[], None] | None = None,
    ) -> None:
        """Begin to record.

        Args:
            last: How many calls are let through; all when None.
            answered: Dead with the answer to the last; else when one more is about to be sent.
            die: What happens then, instead of raising :class:`Killed`.
        """
        self.names: list[str] = []
        self._last, self._answered, self._die = last, answered, die
        self.session = boto3.DEFAULT_SESSION = session()
        self.session.events.register("before-call", self._before)
        self.session.events.register("after-call", self._after)

    @property
    def changes(self) -> list[str]:
        """The calls that change something."""
        return changes(self.names)

    def _before(self, model: Any, **_: object) -> None:  # noqa: ANN401 (botocore has no types)
        if self._last is not None and len(self.names) >= self._last:
            self._end()
        self.names.append(model.name)

    def _after(self, **_: object) -> None:
        if self._answered and self._last is not None and len(self.names) >= self._last:
            self._end()

    def _end(self) -> None:
        if self._die is not None:
            self._die()
        raise Killed


def changes(names: Iterable[str]) -> list[str]:
    """Those calls that change something."""
    return [name for name in names if not name.startswith(("Describe", "Get", "List"))]


def everybody(_: object) -> bool:
    """Every lease is to be undone, its owner's life notwithstanding."""
    return True


def recorded(target: AwsTarget) -> AwsTarget:
    """The same target, its calls to AWS recorded: a client keeps the session that it began in."""
    return AwsTarget(target.outputs, enforced(described(target.outputs).vpc_id))


def effects(run_dir: Path) -> list[dict[str, object]]:
    """The effects in a run's history."""
    lines = (run_dir / "history" / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == "effect"]


def main() -> None:
    """Play in a process of its own, which ends as its arguments say.

    ``OUTPUTS RUN_DIR kill CALLS``: SIGKILL with the answer to that call; nobody watches.
    ``OUTPUTS RUN_DIR hold SECONDS``: hold the cut so long, watched by a reaper.
    """
    outputs_file, run_dir, how, figure = sys.argv[1:]
    outputs = load_outputs(Path(outputs_file).read_text())
    if how == "hold":
        spawn(Path(run_dir), Owner.me())
    if how == "kill":
        Calls(int(figure), die=lambda: os.kill(os.getpid(), signal.SIGKILL))
    target = AwsTarget(outputs, enforced(described(outputs).vpc_id))
    hold_s = float(figure) if how == "hold" else 0.0
    try:
        cut_and_mend(target, Path(run_dir), hold_s=hold_s)
    except Aborted as aborted:
        print(aborted)


if __name__ == "__main__":
    main()
