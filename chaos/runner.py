"""Runs one experiment; whatever happens, it leaves a history behind and nothing else."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from blueprint.client_settings import producer_settings
from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from chaos.budget import profile_of
from chaos.crew import Worker, wait_all
from chaos.experiment.dump import dump
from chaos.experiment.model import Experiment
from chaos.final_read import read_every_replica
from chaos.group import Group
from chaos.history.doctor import doctor
from chaos.history.write import EventLog, seal
from chaos.identity import client_identity
from chaos.interrupt import Aborted, Interrupts, wait_until
from chaos.leases import Lease, Owner, Undo
from chaos.live import Live
from chaos.observer import Observer
from chaos.reaper import spawn
from chaos.restore import due, end_workers, lease_book
from chaos.stepping import Stage, play
from chaos.targets.lab import LabTarget, keep_logs, take_down, target_of
from chaos.targets.target import TargetError
from chaos.terminal import Terminal
from chaos.topic import Topic
from chaos.workload.spec import ProducerSpec

#: Beyond the experiment's own length: start, final read, judging.
LEASE_MARGIN_S = 600.0
STOP_TIMEOUT_S = 75.0
DRAIN_TIMEOUT_S = 60.0
SHARE_TIMEOUT_S = 45.0
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
    _refuse_over_a_lease()
    run_dir = _run_dir(asked)
    interrupts = Interrupts()
    with interrupts.catching():
        lab = asked.outputs.lab.name if asked.outputs and asked.outputs.lab else _lab_name(run_dir)
        own_lab = asked.outputs is None
        lease = _lease_run(run_dir, lab, experiment, own_lab=own_lab)
        spawn(run_dir, Owner.me())
        log = EventLog(run_dir / "history", run_dir.name, experiment.name, experiment.seed)
        try:
            interrupts.unmask()
            _play_all(asked, run_dir, lab, interrupts, terminal, log)
        except (Aborted, TargetError) as aborted:
            interrupts.finish()
            log.add("aborted", why=str(aborted))
            terminal.say(f"aborted: {aborted}")
        finally:
            interrupts.finish()
            end_workers(str(run_dir))
            log.close()
            _seal(run_dir, experiment)
            keep_logs(lab, run_dir / "logs")
            if own_lab:
                take_down(lab)
            lease_book().release(lease)
    return run_dir


def _play_all(
    asked: Asked,
    run_dir: Path,
    lab: str,
    interrupts: Interrupts,
    terminal: Terminal,
    log: EventLog,
) -> None:
    experiment, workload = asked.experiment, asked.experiment.workload
    if asked.outputs is None:
        target = LabTarget.boot(lab, experiment.lab, terminal.say)
    else:
        target = target_of(asked.outputs)
    outputs = target.outputs
    (run_dir / "outputs.json").write_text(outputs.to_json() + "\n")
    number = int.from_bytes(secrets.token_bytes(4))
    topic = Topic(outputs, f"quorate-{number:08x}", workload)
    topic.make()
    if not wait_until(topic.whole, 60.0):
        raise TargetError("the cluster is not whole: a partition has no full ISR after 60 s")
    live = Live(log, workload.partitions)
    group = Group(run_dir, number, outputs, workload, topic, live)
    observer = Observer(outputs, topic.name, group.name, workload.partitions, log)
    _log_plan(log, experiment)
    observer.start()
    stage = Stage(
        experiment,
        run_dir,
        target,
        lab,
        topic,
        group,
        log,
        live,
        lease_book(),
        interrupts,
        terminal,
    )
    try:
        with terminal.showing(live):
            producers = _load(stage, number)
            interrupts.watch(_abort_conditions(stage, producers))
            _await_steady(stage)
            for step in experiment.steps:
                play(stage, step)
            live.step = "calm"
            time.sleep(experiment.calm_s)  # the load itself, undisturbed
            _end_load(stage, producers)
            live.step = "final read"
            terminal.say("reading every replica from its start to its end")
            read_every_replica(run_dir, number, outputs, topic, log)
    finally:
        interrupts.finish()
        observer.close()
        if asked.outputs is not None:
            end_workers(str(run_dir))
            topic.drop()


def _refuse_over_a_lease() -> None:
    book = lease_book()
    problems = [
        Problem(f"lease {path.name}", "a file that is no lease", "a lease", "look at it, remove it")
        for path in book.damaged()
    ]
    for _, lease in book.all():
        remedy = "run `python -m chaos restore`" if due(lease) else "wait for its end, or stop it"
        problems.append(
            Problem(
                f"lease {Path(lease.run_dir).name}",
                f"{lease.what} on lab {lease.lab}",
                "no lease of another run",
                remedy,
            )
        )
    if problems:
        raise BadInput(problems)


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


def _lab_name(run_dir: Path) -> str:
    return f"run-{run_dir.name[-20:]}"


def _lease_run(run_dir: Path, lab: str, experiment: Experiment, *, own_lab: bool) -> Path:
    undo = (Undo(action="end-workers"), *((Undo(action="lab-down"),) if own_lab else ()))
    deadline_s = time.time() + experiment.max_duration_s + LEASE_MARGIN_S
    return lease_book().write(
        Lease(
            run_dir=str(run_dir),
            what="run",
            lab=lab,
            owner=Owner.me(),
            deadline_s=deadline_s,
            undo=undo,
        )
    )


def _log_plan(log: EventLog, experiment: Experiment) -> None:
    workload, limits = experiment.workload, experiment.limits
    idempotent = workload.producer_overrides.get("enable.idempotence", True)
    log.add(
        "plan",
        replication_factor=workload.replication_factor,
        min_insync_replicas=workload.min_insync_replicas,
        partitions=workload.partitions,
        offered_per_s=workload.rate_per_s,
        record_bytes=workload.record_bytes,
        idempotence=idempotent not in (False, "false"),
        producers=list(workload.producers),
        members=list(workload.members),
    )
    log.add("limits", **limits.model_dump(mode="json", exclude={"recovery"}))


def _load(stage: Stage, number: int) -> list[Worker]:
    workload, outputs = stage.experiment.workload, stage.target.outputs
    stage.terminal.say(
        f"{workload.rate_per_s:,} records/s of {workload.record_bytes:,} bytes from "
        f"{len(workload.producers)} producers to {len(workload.members)} members"
    )
    for zone in workload.members:
        stage.group.join(_known(outputs, zone))
    # The group shares out its partitions on an idle cluster: under load a member that joined first
    # was once seen to keep all of them until it left.
    if not wait_until(stage.group.settled, SHARE_TIMEOUT_S):
        raise Aborted(f"the group did not share out its partitions within {SHARE_TIMEOUT_S:g} s")
    return [
        Worker(
            stage.run_dir,
            f"producer-{index}",
            zone,
            ProducerSpec(
                history=str(stage.run_dir / "history"),
                run=number,
                index=index,
                zone=_known(outputs, zone),
                topic=stage.topic.name,
                partitions=workload.partitions,
                record_bytes=workload.record_bytes,
                rate_per_s=workload.rate_per_s / len(workload.producers),
                seed=stage.experiment.seed,
                settings=producer_settings(
                    profile_of(outputs), outputs.bootstrap_servers[zone], workload.goal
                )
                | workload.producer_overrides
                | client_identity(outputs),
            ),
            stage.live.hear,
        )
        for index, zone in enumerate(workload.producers)
    ]


def _known(outputs: StackOutputs, zone: str) -> str:
    if zone not in outputs.zones:
        raise TargetError(f"there is no zone {zone!r}; the cluster has {', '.join(outputs.zones)}")
    return zone


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
