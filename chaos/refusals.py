"""What keeps a run from starting: somebody else's lease, or a target that cannot do its faults."""

from collections.abc import Iterator
from pathlib import Path

from blueprint.failover_profile import DEFAULT_PROFILE
from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from blueprint.topology import ZONES, Role
from chaos.experiment.model import ZONE_ROLES, Experiment, Source, Step
from chaos.faults import REGISTRY
from chaos.leases import LeaseBook
from chaos.restore import due
from chaos.targets.target import Ability, Target


def refuse_over_a_lease(book: LeaseBook) -> None:
    """Make sure that nobody disturbs, or has left disturbed, what this user may disturb.

    Raises:
        BadInput: Every lease that stands in the way.
    """
    problems = [
        Problem(f"lease {path.name}", "a file that is no lease", "a lease", "look at it, remove it")
        for path in book.damaged()
    ]
    for _, lease in book.all():
        remedy = "run `python -m chaos restore`" if due(lease) else "wait for its end, or stop it"
        problems.append(
            Problem(
                f"lease {Path(lease.run_dir).name}",
                f"{lease.what} on {lease.place}",
                "no lease of another run",
                remedy,
            )
        )
    if problems:
        raise BadInput(problems)


def refuse_unfit(experiment: Experiment, target: Target) -> None:
    """Make sure that a cluster that is there is fit for a run; changes nothing.

    Raises:
        BadInput: Every fault that it cannot do or that is not for it, and every way in which it is
            not as the experiment needs it; else every reason why a zone may not be cut off.
        TargetError: The target could not be asked.
    """
    problems = [*_otherwise(experiment, target.outputs), *_too_much(experiment)]
    problems += [
        Problem(f"steps.{index}.fault", repr(step.fault), _legal(target), _remedy(target, step))
        for index, step in enumerate(experiment.steps)
        if not REGISTRY[step.fault].needs <= target.abilities
    ]
    if experiment.workload.source is Source.OUTBOX and Ability.OUTBOX not in target.abilities:
        able = ", ".join(sorted(target.abilities)) or "be loaded, and no more"
        remedy = f"the target {target.place.target} can {able}"
        problems.append(Problem("workload.source", "outbox", "producers", remedy))
    if problems:
        raise BadInput(problems)
    zones = set(_cut_zones(experiment, target))
    if zones:
        target.permit_cut(sorted(zones))


def _otherwise(experiment: Experiment, outputs: StackOutputs) -> Iterator[Problem]:
    """What the experiment's own lab would have and this cluster has not: it would show nothing."""
    lab, remedy = experiment.lab, "leave --outputs and --stack out: it then has a lab of its own"
    for name, role, wanted in (
        ("broker_zones", Role.BROKER, lab.broker_zones),
        ("controller_zones", Role.CONTROLLER, lab.controller_zones),
    ):
        there = tuple(node.zone for node in outputs.nodes if node.role is role)
        if wanted != ZONES and wanted != there:
            given, legal = ", ".join(wanted), f"{', '.join(there)}, as the cluster is"
            yield Problem(f"lab.{name}", given, legal, remedy)
    if lab.profile not in (DEFAULT_PROFILE, outputs.profile):
        legal = f"{outputs.profile}, as the cluster has it"
        yield Problem("lab.profile", lab.profile, legal, remedy)
    for name, value in lab.broker_overrides.items():
        had = outputs.broker_settings.get(name)
        if had != value:
            legal = f"{had or 'nothing'}, as the cluster has it"
            yield Problem(f"lab.broker_overrides.{name}", repr(value), legal, remedy)
    known = {node.id for node in outputs.nodes if node.role is Role.BROKER}
    for turn in experiment.workload.replica_assignment or ():
        if not known.issuperset(turn):
            legal = f"brokers {', '.join(map(str, sorted(known)))}"
            yield Problem("workload.replica_assignment", str(list(turn)), legal, remedy)


def _too_much(experiment: Experiment) -> Iterator[Problem]:
    """Who runs a cluster agreed to lose a zone of it, never more."""
    if experiment.blast_radius.zones > 1:
        remedy = "leave --outputs and --stack out: only a lab of its own may be lost as a whole"
        given = str(experiment.blast_radius.zones)
        yield Problem("blast_radius.zones", given, "1 on a cluster that is there", remedy)


def _legal(target: Target) -> str:
    can = sorted(name for name, fault in REGISTRY.items() if fault.needs <= target.abilities)
    return f"on {target.place}: {', '.join(can)}"


def _remedy(target: Target, step: Step) -> str:
    lacking = REGISTRY[step.fault].needs - target.abilities
    able = ", ".join(sorted(target.abilities)) or "be loaded, and no more"
    return f"the target {target.place.target} can {able}, not {' or '.join(sorted(lacking))}"


def _cut_zones(experiment: Experiment, target: Target) -> Iterator[str]:
    """The zones that may be cut off: those named, and all of them where a role decides."""
    for step in experiment.steps:
        if Ability.ZONE_CUT in REGISTRY[step.fault].needs:
            yield from target.outputs.zones if step.zone in ZONE_ROLES else [step.zone]
