"""Runs one experiment; whatever happens, it leaves a history behind and nothing else."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from chaos.crew import Worker, wait_all
from chaos.effects import embedded, make_effects, write_down_effects
from chaos.experiment.dump import dump
from chaos.experiment.model import Experiment, Source, Workload
from chaos.final_read import read_every_replica
from chaos.group import SHARE_TIMEOUT_S, Group
from chaos.history.doctor import doctor
from chaos.history.write import EventLog, seal
from chaos.identity import client_identity
from chaos.interrupt import Aborted, Interrupts, wait_until
from chaos.lag_watch import lag_watched
from chaos.leases import Lease, Owner, Place, Undo
from chaos.live import Live
from chaos.observer import Observer
from chaos.producing import known, prepare, start_producers
from chaos.reaper import spawn
from chaos.refusals import refuse_over_a_lease, refuse_unfit
from chaos.replaying import replay_put_off
from chaos.restore import end_workers, lease_book
from chaos.stepping import Stage, play
from chaos.targets.choice import target_of
from chaos.targets.lab import LabTarget, keep_logs, place_of, take_down, take_down_outbox
from chaos.targets.target import Ability, Outbox, Target, TargetError
from chaos.terminal import Terminal
from chaos.topic import Topic

#: Beyond the experiment's own length: start, final read, judging.
LEASE_MARGIN_S = 600.0
STOP_TIMEOUT_S = 75.0
DRAIN_TIMEOUT_S = 60.0
#: The offered rate counts as reached from this share on.
_STEADY_SHARE = 0.95
_STEADY_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked for."""

    experiment: Experiment
    runs_dir: Path
    outputs: StackOutputs | None = None


def run(asked: Asked, terminal: Terminal) -> Path:
    """Run an experiment; its history is in the returned folder, complete or not.

    Raises:
        BadInput: Something stands in the way; nothing was changed.
        TargetError: The cluster could not be had; nothing of it is left.
    """
    experiment = asked.experiment
    refuse_over_a_lease(lease_book())
    given = target_of(asked.outputs) if asked.outputs else None
    if given is not None:
        refuse_unfit(experiment, given)
        client_identity(given.outputs)
    run_dir = _run_dir(asked)
    place = given.place if given else place_of(f"run-{run_dir.name[-20:]}")
    interrupts = Interrupts()
    with interrupts.catching():
        lease = _lease_run(run_dir, place, experiment, own_lab=given is None)
        spawn(run_dir, Owner.me())
        log = EventLog(run_dir / "history", run_dir.name, experiment.name, experiment.seed)
        try:
            interrupts.unmask()
            target = given or LabTarget.boot(place.name, experiment.lab, terminal.say)
            _play_all(asked, run_dir, target, interrupts, terminal, log)
        except (Aborted, TargetError) as aborted:
            interrupts.finish()
            log.add("aborted", why=str(aborted))
            terminal.say(f"aborted: {aborted}")
        finally:
            interrupts.finish()
            end_workers(str(run_dir))
            log.close()
            _seal(run_dir, experiment)
            if place.target == "lab":
                keep_logs(place.name, run_dir / "logs")
            if experiment.workload.work.effects is not None:
                take_down_outbox(_outbox_name(run_dir))
            if given is None:
                take_down(place.name)
            lease_book().release(lease)
    return run_dir


def _play_all(
    asked: Asked,
    run_dir: Path,
    target: Target,
    interrupts: Interrupts,
    terminal: Terminal,
    log: EventLog,
) -> None:
    experiment, workload, outputs = asked.experiment, asked.experiment.workload, target.outputs
    (run_dir / "outputs.json").write_text(outputs.to_json() + "\n")
    number = int.from_bytes(secrets.token_bytes(4))
    topic = Topic(outputs, f"quorate-{number:08x}", workload)
    topic.make()
    if not wait_until(topic.whole, 60.0):
        raise TargetError("the cluster is not whole: a partition has no full ISR after 60 s")
    outbox = _outbox(run_dir, workload, target, terminal)
    database = embedded(run_dir) if outbox is None else outbox.dsn
    if workload.work.effects is not None:
        make_effects(database)
    live = Live(log, workload.partitions)
    group = Group(run_dir, number, outputs, workload, topic, live, database)
    observer = Observer(outputs, topic.name, group.name, workload.partitions, log)
    _log_plan(log, experiment)
    observer.start()
    stage = Stage(
        experiment,
        run_dir,
        target,
        topic,
        group,
        log,
        live,
        lease_book(),
        interrupts,
        terminal,
        outbox,
    )
    try:
        with terminal.showing(live), lag_watched(stage):
            producers = _load(stage, number)
            interrupts.watch(_abort_conditions(stage, producers))
            _await_steady(stage)
            for step in experiment.steps:
                play(stage, step)
            live.step = "calm"
            time.sleep(experiment.calm_s)  # the load itself, undisturbed
            if experiment.workload.retention_s:
                # Or the final read would find nothing.
                topic.keep()
            _end_load(stage, producers)
            replay_put_off(stage, number)
            if workload.work.effects is not None:
                write_down_effects(database, run_dir / "history", log)
            live.step = "final read"
            terminal.say("reading every replica from its start to its end")
            transactional = workload.source is Source.OUTBOX
            isolation = "read_committed" if transactional else "read_uncommitted"
            read_every_replica(run_dir, number, outputs, topic, log, isolation=isolation)
    finally:
        interrupts.finish()
        observer.close()
        if outbox is not None:
            end_workers(str(run_dir))
            outbox.down(run_dir / "logs" / "outbox")
        if asked.outputs is not None:
            end_workers(str(run_dir))
            topic.drop()


def _outbox(run_dir: Path, workload: Workload, target: Target, terminal: Terminal) -> Outbox | None:
    """A database for effects and, where records come from there, their outbox.

    None where there are no effects, or the target can have no database: SQLite stands in for it.
    """
    if workload.work.effects is None or Ability.OUTBOX not in target.abilities:
        return None
    terminal.say("starting a database")
    outbox = target.outbox(_outbox_name(run_dir))
    if workload.source is Source.OUTBOX:
        terminal.say("starting the connector of its outbox")
        prepare(outbox)
    return outbox


def _outbox_name(run_dir: Path) -> str:
    return f"outbox-{run_dir.name[-20:]}"


def _run_dir(asked: Asked) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run_dir = asked.runs_dir.resolve() / f"{asked.experiment.name}-{stamp}-{secrets.token_hex(2)}"
    try:
        run_dir.mkdir(parents=True)
    except OSError as error:
        legal = "a folder that can be written"
        raise BadInput([Problem("--runs-dir", str(asked.runs_dir), legal, str(error))]) from None
    (run_dir / "experiment.yaml").write_text(dump(asked.experiment))
    return run_dir


def _lease_run(run_dir: Path, place: Place, experiment: Experiment, *, own_lab: bool) -> Path:
    undo = [Undo(action="end-workers")]
    if experiment.workload.work.effects is not None:
        undo.append(Undo(action="outbox-down", names=(_outbox_name(run_dir),)))
    if own_lab:
        undo.append(Undo(action="lab-down"))
    deadline_s = time.time() + experiment.max_duration_s + LEASE_MARGIN_S
    return lease_book().write(
        Lease(
            run_dir=str(run_dir),
            what="run",
            place=place,
            owner=Owner.me(),
            deadline_s=deadline_s,
            undo=tuple(undo),
        )
    )


def _log_plan(log: EventLog, experiment: Experiment) -> None:
    workload, limits = experiment.workload, experiment.limits
    log.add(
        "plan",
        replication_factor=workload.replication_factor,
        min_insync_replicas=workload.min_insync_replicas,
        partitions=workload.partitions,
        offered_per_s=workload.rate_per_s,
        source=workload.source.value,
        record_bytes=workload.record_bytes,
        idempotence=workload.idempotence,
        acks=workload.acks,
        retention_s=workload.retention_s,
        producers=list(workload.producers),
        members=list(workload.members),
        work=workload.work.model_dump(mode="json"),
    )
    log.add("limits", **limits.model_dump(mode="json", exclude={"recovery"}))


def _load(stage: Stage, number: int) -> list[Worker]:
    workload = stage.experiment.workload
    stage.terminal.say(
        f"{workload.rate_per_s:,} records/s of {workload.record_bytes:,} bytes from "
        f"{len(workload.producers)} producers to {len(workload.members)} members"
    )
    for zone in workload.members:
        stage.group.join(known(stage, zone))
    # The group shares out its partitions on an idle cluster: under load a member that joined first
    # was once seen to keep all of them until it left.
    if not wait_until(stage.group.settled, SHARE_TIMEOUT_S):
        raise Aborted(f"the group did not share out its partitions within {SHARE_TIMEOUT_S:g} s")
    return start_producers(stage, number)


def _abort_conditions(stage: Stage, producers: Sequence[Worker]) -> Callable[[], str]:
    experiment, began_s = stage.experiment, time.monotonic()

    def due_now() -> str:
        when, live = experiment.abort_when, stage.live
        if time.monotonic() - began_s > experiment.max_duration_s:
            return f"max_duration_s: {experiment.max_duration_s:g} s have passed"
        if live.watched and live.silent_s() > when.silent_s:
            return f"abort_when.silent_s: nothing acknowledged for {when.silent_s:g} s"
        if live.watched and live.lag_records() > when.lag_records:
            return f"abort_when.lag_records: {live.lag_records():,} records of lag"
        workers = [*producers, *stage.group.members] if live.watched else []
        for worker in workers:
            if not worker.running:
                return f"{worker.name} ended by itself ({worker.exit_code}); see workers.log"
        return ""

    return due_now


def _await_steady(stage: Stage) -> None:
    """Wait until the offered rate is acknowledged and read, for the whole hold time."""
    steady, workload = stage.experiment.steady_state, stage.experiment.workload
    normal = max(1.0, workload.rate_per_s / workload.partitions)
    stage.live.step = "steady state"
    since_s: float | None = None
    deadline = time.monotonic() + steady.within_s
    while since_s is None or time.monotonic() - since_s < steady.hold_s:
        reached = stage.live.rate_per_s() >= _STEADY_SHARE * workload.rate_per_s
        calm = stage.live.lag_records() <= normal
        if not (reached and calm):
            since_s = None
        elif since_s is None:
            since_s = time.monotonic()
        if time.monotonic() > deadline:
            raise Aborted(
                f"no steady state within {steady.within_s:g} s: "
                f"{stage.live.rate_per_s():,.0f} of {workload.rate_per_s:,} records/s, "
                f"{stage.live.lag_records():,} records of lag"
            )
        time.sleep(_STEADY_POLL_S)
    stage.log.add("steady")
    stage.live.watched = True
    stage.terminal.say("steady state: the offered rate is acknowledged and read")


def _end_load(stage: Stage, producers: Sequence[Worker]) -> None:
    stage.live.step, stage.live.watched = "drain", False
    stage.log.add("load-end")
    for producer in producers:
        producer.stop()
    wait_all(list(producers), STOP_TIMEOUT_S)
    wait_until(stage.live.drained, DRAIN_TIMEOUT_S)
    members = stage.group.members
    for member in members:
        member.stop()
    wait_all(members, STOP_TIMEOUT_S)


def _seal(run_dir: Path, experiment: Experiment) -> None:
    history = run_dir / "history"
    seal(history, experiment.workload.partitions)
    if experiment.doctor:
        doctor(history, experiment.doctor, experiment.seed)
