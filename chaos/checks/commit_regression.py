"""commit-regression: a group's committed offset went back without a reset that was asked for."""

from collections.abc import Sequence

from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE
from chaos.history.timeline import whole

NAME = "commit-regression"


def conclude(history: History, _: Sequence[Finding]) -> CheckResult:
    """Follow the offsets as the group's coordinator answered them, partition by partition."""
    highest: dict[str, int] = {}
    evidence: list[dict[str, object]] = []
    regressions = observations = 0
    for event in history.of_kind("offsets", "offsets-reset"):
        if event["kind"] == "offsets-reset":
            highest.clear()
            continue
        offsets = event.get("offsets")
        for partition, offset in offsets.items() if isinstance(offsets, dict) else ():
            observations += 1
            before = highest.get(partition, -1)
            if offset < before:
                regressions += 1
                evidence.append(
                    {
                        "partition": int(partition),
                        "from": before,
                        "to": offset,
                        "at_ns": whole(event, "t_ns"),
                    }
                )
            highest[partition] = offset
    figures = {"observations": observations, "regressions": regressions}
    outcome = CheckOutcome.FAIL if regressions else CheckOutcome.PASS
    return CheckResult(NAME, outcome, figures, tuple(evidence[:MOST_EVIDENCE]))


CHECK = Check(NAME, conclude)
