"""What keeps a run from starting: somebody else's lease, or a target that cannot do its faults."""

from collections.abc import Iterator
from pathlib import Path

from blueprint.problem import BadInput, Problem
from chaos.experiment.model import ZONE_ROLES, Experiment, Step
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
    """Make sure that the target can do every fault and permits it; changes nothing.

    Raises:
        BadInput: Every fault that it cannot do; else every reason why a zone may not be cut off.
        TargetError: The target could not be asked.
    """
    problems = [
        Problem(f"steps.{index}.fault", repr(step.fault), _legal(target), _remedy(target, step))
        for index, step in enumerate(experiment.steps)
        if not REGISTRY[step.fault].needs <= target.abilities
    ]
    if problems:
        raise BadInput(problems)
    zones = set(_cut_zones(experiment, target))
    if zones:
        target.permit_cut(sorted(zones))


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
