"""After the load: what the fleet has put off while it caught up is done, by its own replay."""

import threading
from dataclasses import replace
from typing import Any

from chaos.crew import Launch, Worker, wait_all
from chaos.fleet_member import event_of, fleet_door, handler_of, member_spec
from chaos.history.tables import REPLAY
from chaos.identity import suite_credentials
from chaos.stepping import Stage

#: For one reading of the ledger, and for one replay; what is left after a few is judged as owed.
READ_TIMEOUT_S, REPLAY_TIMEOUT_S = 60.0, 120.0
#: Nobody waits for a replay, but the run does.
_LANES = 64
_ATTEMPTS = 3


def replay_put_off(stage: Stage, run: int) -> None:
    """Say what is owed, then do it; nothing where the members put nothing off."""
    workload = stage.experiment.workload
    if workload.work.catch_up is None:
        return
    stage.live.step = "replay"
    stage.terminal.say("replaying what was put off")
    _ask(stage, run, "owed", READ_TIMEOUT_S, "--dry-run")
    _ask(stage, run, "replayed", REPLAY_TIMEOUT_S)


def _ask(stage: Stage, run: int, event: str, timeout_s: float, *more: str) -> None:
    """Until there is an answer: a replay that ended early goes on where it was."""
    answered = threading.Event()

    def hear(said: dict[str, Any]) -> None:
        # Its signals and rows are a member's; what it prints at its end is the answer.
        if "e" in said or "signal" in said:
            stage.live.hear(event_of(REPLAY, said))
            return
        stage.log.add(event, **said)
        answered.set()

    zone = stage.experiment.workload.members[0]
    for attempt in range(_ATTEMPTS):
        name = f"{event}-{attempt}"
        worker = Worker(stage.run_dir, name, zone, _launch(stage, run, *more), hear)
        wait_all([worker], timeout_s)
        if answered.is_set():
            return


def _launch(stage: Stage, run: int, *more: str) -> Launch:
    workload, run_dir = stage.experiment.workload, stage.run_dir
    arguments = [
        *("replay", *handler_of(workload)),
        f"--settings={run_dir}/fleet.yaml",
        *("--group", stage.group.name, "--zone", workload.members[0]),
        *("--lanes", str(_LANES), *more),
    ]
    # What its work costs was judged of the members; here it would be waited for, and no more.
    spec = replace(member_spec(run_dir, run, REPLAY, workload), record_s=0.0)
    return fleet_door(run_dir, suite_credentials(stage.target.outputs), arguments, spec)
