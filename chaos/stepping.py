"""One step of an experiment: wait, lease, inject, measure, hold, heal, wait until whole."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

from chaos.budget import limits, prediction
from chaos.experiment.model import Experiment, Step
from chaos.faults import REGISTRY
from chaos.faults.fault import Fault, Scene
from chaos.group import Group
from chaos.history.write import EventLog
from chaos.interrupt import Interrupts, wait_until
from chaos.intruder import GreedyReader
from chaos.leases import Lease, LeaseBook, Owner
from chaos.live import Live
from chaos.quorum import await_active_controller
from chaos.targets.target import Outbox, Target, TargetError
from chaos.terminal import Terminal
from chaos.topic import Topic

#: From the heal to a whole cluster; beyond it the step's ISR recovery did not finish.
WHOLE_TIMEOUT_S = 90.0
SETTLED_TIMEOUT_S = 60.0
#: A lease outlives the hold by the longest that a step's measurements and heal may take.
LEASE_MARGIN_S = 150.0
_ELECT_EVERY_S = 2.0
#: What the terminal knows of lag is older than the lag itself by a report or two.
_STEP_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a step plays on."""

    experiment: Experiment
    run_dir: Path
    target: Target
    topic: Topic
    group: Group
    log: EventLog
    live: Live
    leases: LeaseBook
    interrupts: Interrupts
    terminal: Terminal
    outbox: Outbox | None = None


def play(stage: Stage, step: Step) -> None:
    """Play one step to its end.

    Raises:
        Aborted: In the middle; the fault has been lifted all the same.
        TargetError: The target did not do what it was told; the fault has been lifted.
    """
    _settle(stage, step)
    fault, zone = _prepare(stage, step)
    disturb(stage, step, fault, zone)
    _await_whole(stage, step)


def disturb(stage: Stage, step: Step, fault: Fault, zone: str) -> None:
    """Lease, inject, measure, hold, heal: from an undisturbed target to an undisturbed one.

    Raises:
        Aborted: In the middle; the fault has been lifted all the same.
        TargetError: The target did not do what it was told; the fault has been lifted, or its
            lease is still there.
    """
    lease = Lease(
        run_dir=str(stage.run_dir),
        what=step.id,
        place=stage.target.place,
        owner=Owner.me(),
        deadline_s=time.time() + step.hold_s + LEASE_MARGIN_S,
        undo=tuple(fault.undo()),
    )
    path = stage.leases.write(lease)
    stage.live.step, stage.live.fault = step.id, f"{step.fault} on zone {zone}"
    stage.terminal.say(f"{step.id}: {fault.says} (zone {zone})")
    stage.log.add("fault-inject", id=step.id, fault=step.fault, zone=_struck(fault, zone))
    try:
        try:
            fault.inject()
            stage.log.add("fault-active", id=step.id)
            active_s = time.monotonic()
            _measure(stage, step, fault)
            time.sleep(max(0.0, step.hold_s - (time.monotonic() - active_s)))  # the fault's length
        finally:
            # Whatever is raised up to here, the heal follows: from here on nothing is raised.
            stage.interrupts.mask()
    finally:
        stage.interrupts.mask()
        _heal(stage, step, fault)
        stage.leases.release(path)
    stage.interrupts.unmask()


def _settle(stage: Stage, step: Step) -> None:
    """Wait until the group has caught up, then for the step's undisturbed load."""
    workload, floor_s = stage.experiment.workload, stage.experiment.limits.lag_floor_s
    normal = max(1.0, workload.rate_per_s / workload.partitions * floor_s)
    stage.live.step = f"before {step.id}"
    wait_until(lambda: stage.live.lag_records() <= normal, SETTLED_TIMEOUT_S)
    # The load itself, undisturbed, and long enough for lag to be judged normal before the fault.
    time.sleep(max(step.after_s, stage.experiment.limits.lag_hold_s + _STEP_MARGIN_S))


def _prepare(stage: Stage, step: Step) -> tuple[Fault, str]:
    nodes = {node.id: node.zone for node in stage.target.outputs.nodes}
    leader = await_active_controller(stage.target.outputs).leader
    holder = nodes[leader]
    zone = _zone(stage, step, holder)
    fault_type = REGISTRY[step.fault]
    predicted = prediction(
        stage.target.outputs, step, controller_inside=fault_type.strikes_zone and zone == holder
    )
    stage.log.add(
        "limits-of",
        id=step.id,
        limits=limits(stage.experiment, predicted),
        predicted=predicted.as_dict(),
        controller_inside=zone == holder,
    )
    scene = Scene(
        target=stage.target,
        topic=stage.topic.name,
        zone=zone,
        members=stage.group,
        mark=f"{stage.run_dir.name}.{step.id}",
        latency_ms=step.latency_ms or 0.0,
        jitter_ms=step.jitter_ms,
        outbox=stage.outbox,
        intruder=GreedyReader(
            stage.run_dir,
            stage.target.outputs,
            stage.topic.name,
            stage.experiment.workload.greedy_quota_bytes_per_s,
            stage.live,
        ),
    )
    return fault_type(scene), zone


def _zone(stage: Stage, step: Step, holder: str) -> str:
    zones = stage.target.outputs.zones
    if step.zone == "with-active-controller":
        return holder
    if step.zone == "without-active-controller":
        others = [zone for zone in zones if zone != holder]
        return random.Random(f"{stage.experiment.seed}:{step.id}").choice(others)
    if step.zone not in zones:
        raise TargetError(f"step {step.id}: there is no zone {step.zone!r} in {', '.join(zones)}")
    return step.zone


def _struck(fault: Fault, zone: str) -> str:
    return zone if fault.strikes_zone else ""


def _measure(stage: Stage, step: Step, fault: Fault) -> None:
    for effect in fault.effects():
        stage.log.add(
            "effect",
            id=step.id,
            fault=step.fault,
            effect=effect.effect,
            unit=effect.unit,
            expected=effect.expected,
            measured=round(effect.measured, 3),
        )


def _heal(stage: Stage, step: Step, fault: Fault) -> None:
    stage.log.add("fault-healing", id=step.id)
    for note in fault.heal():
        stage.log.add("note", id=step.id, text=note)
    stage.log.add("fault-healed", id=step.id)
    stage.live.fault = ""


def _await_whole(stage: Stage, step: Step) -> None:
    """Full ISR first; then leaders back where they were, or the next fault meets an idle zone."""
    stage.live.step = f"after {step.id}"
    topic = stage.topic
    if not wait_until(topic.whole, WHOLE_TIMEOUT_S):
        return
    asked_s = 0.0

    def spread() -> bool:
        nonlocal asked_s
        leaders = topic.leaders()
        brokers = min(len(stage.target.outputs.zones), len(leaders))
        if leaders and len(set(leaders.values())) == brokers:
            counts = [list(leaders.values()).count(one) for one in set(leaders.values())]
            if max(counts) - min(counts) <= 1:
                return True
        if time.monotonic() - asked_s > _ELECT_EVERY_S:
            asked_s = time.monotonic()
            topic.elect_preferred()
        return False

    wait_until(spread, WHOLE_TIMEOUT_S)
    # A heal can be a rebalance: the next fault is not to be blamed for it.
    wait_until(stage.group.settled, SETTLED_TIMEOUT_S)
    stage.log.add("whole", id=step.id)
    stage.terminal.say(f"{step.id}: whole again")
