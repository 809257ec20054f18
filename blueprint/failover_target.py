"""How long the loss of a zone may be felt, as a stack asks for it, against what is predicted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import PROFILES, FailoverProfile
from blueprint.problem import Problem
from blueprint.strimzi import in_force_on

if TYPE_CHECKING:  # It asks this module.
    from blueprint.stack_config import StackConfig


#: In seconds, where a stack says nothing else.
TARGET_S = 10.0


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The zone loss that is felt the longest.

    Attributes:
        produce_s: From the fault to the first acknowledgement on the worst partition.
        controller_inside: Whether the lost zone holds the active controller.
    """

    produce_s: float
    loss: Loss
    controller_inside: bool

    def __str__(self) -> str:
        place = "inside" if self.controller_inside else "outside"
        return f"{self.produce_s:g} s ({self.loss.value}, the active controller {place} the zone)"


def overridden(profile: FailoverProfile, overrides: Mapping[str, str]) -> FailoverProfile:
    """A profile with what a stack's own broker settings make of it."""
    named = {name.replace(".", "_"): value.strip() for name, value in overrides.items()}
    said = {
        field.name: int(named[field.name])
        for field in fields(profile)
        if named.get(field.name, "").isdecimal() and not field.name.startswith("client_")
    }
    # One value for brokers and voters, and for each of these alike.
    for name in ("fetch", "request"):
        value = said.get(f"controller_quorum_{name}_timeout_ms")
        if value is not None:
            said[f"broker_quorum_{name}_timeout_ms"] = value
    return replace(profile, **said)  # type: ignore[arg-type]


def worst_case(profile: FailoverProfile, target: str) -> WorstCase:
    """The worst of what is predicted, with the time-outs that are in force on a target.

    Args:
        profile: As it is declared.
        target: ``kubernetes`` has what Strimzi lets through; all others have the profile.
    """
    effective = in_force_on(target, profile)
    cases = (
        WorstCase(predict(effective, loss, controller_inside=inside).produce_s, loss, inside)
        for loss in (Loss.KILL, Loss.BLACKHOLE)
        for inside in (False, True)
    )
    return max(cases, key=lambda case: case.produce_s)


def target_problems(config: "StackConfig") -> Iterator[Problem]:
    """Why a stack cannot promise what it is asked for."""
    target_s = config.failover_target_s
    worst = {
        name: worst_case(overridden(profile, config.broker_overrides), config.target)
        for name, profile in PROFILES.items()
    }
    predicted = worst[config.failover_profile]
    if predicted.produce_s <= target_s:
        return
    good = [name for name, case in worst.items() if case.produce_s <= target_s]
    legal = f"{predicted.produce_s:g} or more with failover_profile {config.failover_profile}"
    legal += f" on {config.target}, as {predicted} is predicted"
    chosen = f"choose failover_profile {' or '.join(good)}, or " if good else ""
    remedy = f"{chosen}raise it; docs/failover.md says what each profile costs"
    yield Problem("failover_target_s", f"{target_s:g}", legal, remedy)
