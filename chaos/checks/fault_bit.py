"""fault-bit: what was injected was also measured, from outside the fault's own code.

A run whose fault did not bite proves nothing, so it is INVALID and never PASS.
"""

from collections.abc import Sequence

from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import Event, History
from chaos.history.timeline import fault_windows, number

NAME = "fault-bit"
#: How far a measured effect may be from what was injected.
TOLERANCE = 0.2


def bit(expected: float | None, measured: float | None) -> bool:
    """Whether the measured effect is within the tolerance of what was injected, and not nothing."""
    if expected is None or measured is None or expected == 0:
        return False
    return abs(measured - expected) <= TOLERANCE * abs(expected)


def effects(history: History) -> list[dict[str, object]]:
    """Every measured effect, judged again from its two numbers."""
    return [_effect(event) for event in history.of_kind("effect")]


def _effect(event: Event) -> dict[str, object]:
    expected, measured = number(event, "expected"), number(event, "measured")
    return {
        "fault": event.get("fault"),
        "id": event.get("id"),
        "effect": event.get("effect"),
        "unit": event.get("unit"),
        "expected": expected,
        "measured": measured,
        "bit": bit(expected, measured),
    }


def conclude(history: History, _: Sequence[Finding]) -> CheckResult:
    """Every fault has at least one effect, and all of its effects bit."""
    found = effects(history)
    toothless = [effect for effect in found if not effect["bit"]]
    measured = {effect["id"] for effect in found}
    toothless += [
        {"fault": window.fault, "id": window.id, "effect": "none was measured", "bit": False}
        for window in fault_windows(history)
        if window.id not in measured
    ]
    outcome = CheckOutcome.INVALID if toothless else CheckOutcome.PASS
    figures = {"faults": len(fault_windows(history)), "effects": len(found)}
    return CheckResult(NAME, outcome, figures, tuple(toothless))


CHECK = Check(NAME, conclude)
