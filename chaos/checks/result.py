"""What a check finds in one partition, and what it concludes of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

Figures = Mapping[str, object]
Evidence = Mapping[str, object]


class CheckOutcome(StrEnum):
    """What one check says. Only ``PASS`` of every check that judged makes a run's PASS.

    NOT_JUDGED: the run was not to have anything of what the check looks for.
    """

    PASS = "PASS"
    FAIL = "FAIL"
    INVALID = "INVALID"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_JUDGED = "NOT JUDGED"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one partition; small, since it crosses processes."""

    partition: int
    figures: Figures
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check concluded: figures for the reader, the first pieces of evidence for a FAIL."""

    name: str
    outcome: CheckOutcome
    figures: Figures
    evidence: tuple[Evidence, ...] = ()


Examine = Callable[[PartitionRecords], Finding]
Conclude = Callable[[History, Sequence[Finding]], CheckResult]


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what it looks for in each partition, if anywhere, and what follows for the run."""

    name: str
    conclude: Conclude
    examine: Examine | None = None


def total(findings: Sequence[Finding], figure: str) -> int:
    """The sum of one figure over all partitions."""
    return sum(int(str(finding.figures.get(figure, 0))) for finding in findings)


def gathered(findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    """The first pieces of evidence over all partitions."""
    return tuple(piece for finding in findings for piece in finding.evidence)[:MOST_EVIDENCE]


def none_in_final_read(
    history: History, name: str, findings: Sequence[Finding], *figures: str
) -> CheckResult:
    """``none_allowed``, but INCONCLUSIVE where there was no final read to look into."""
    result = none_allowed(name, findings, *figures)
    if result.outcome is CheckOutcome.PASS and not history.replicas:
        return CheckResult(
            name, CheckOutcome.INCONCLUSIVE, result.figures, ({"why": "there was no final read"},)
        )
    return result


def none_allowed(name: str, findings: Sequence[Finding], *figures: str) -> CheckResult:
    """FAIL when any of these counts is above zero."""
    counts = {figure: total(findings, figure) for figure in figures}
    outcome = CheckOutcome.FAIL if any(counts.values()) else CheckOutcome.PASS
    return CheckResult(name, outcome, counts, gathered(findings))
