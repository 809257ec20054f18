"""The verdict of a run, from its history alone."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from chaos.checks import REGISTRY
from chaos.checks.fault_bit import effects
from chaos.checks.recovery_time import TIMES, worst_times
from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import Damaged, History, Incomplete, open_history
from chaos.history.records import PartitionRecords
from chaos.history.tables import Outcome as Sent

SCHEMA = 1
#: Below this many rows a second process costs more than it saves.
_WORTH_A_PROCESS = 3_000_000
#: Two partitions at a time: what the smallest supported machine has, and memory stays bounded.
_PROCESSES = 2
_COUNTS = ("attempted", "acknowledged", "unknown", "failed", "final")
#: The figures of verdict.json that a check finds, and which check.
_RECORD_FIGURES: Mapping[str, str] = {
    "lost": "lost",
    "visible_then_lost": "visible-then-lost",
    "duplicated": "duplicate",
    "phantom": "phantom",
    "reordered": "order",
    "skipped": "skipped",
}


class Outcome(StrEnum):
    """What a run is judged to be; earlier members outweigh later ones."""

    ABORTED = "ABORTED"
    INVALID = "INVALID"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.PASS: 0,
    Outcome.FAIL: 1,
    Outcome.INVALID: 3,
    Outcome.INCONCLUSIVE: 4,
    Outcome.ABORTED: 5,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome that makes the run a success, and the check that must have seen it."""

    outcome: str = "PASS"
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything verdict.json says, and why a history could not be read if it could not."""

    experiment: str
    seed: int | None
    outcome: Outcome
    expected: Expected
    records: Mapping[str, int]
    recovery_s: Mapping[str, float | None]
    fault_effects: Sequence[Mapping[str, object]]
    checks: Sequence[CheckResult]
    reason: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether this is the verdict that was asked for, found by the check that was named."""
        if self.outcome.value != self.expected.outcome:
            return False
        if self.expected.check is None:
            return True
        return any(
            check.name == self.expected.check and check.outcome.value == self.expected.outcome
            for check in self.checks
        )

    @property
    def exit_code(self) -> int:
        """0 for what was expected; a control that was not caught is a FAIL, never a success."""
        if self.as_expected:
            return 0
        return EXIT_CODES[self.outcome] or EXIT_CODES[Outcome.FAIL]

    def to_json(self) -> str:
        """verdict.json, schema 1."""
        expected = self.expected.outcome
        said: dict[str, object] = {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "seed": self.seed,
            "outcome": self.outcome.value,
            "expected": f"{expected}:{self.expected.check}" if self.expected.check else expected,
            "as_expected": self.as_expected,
            "records": dict(self.records),
            "recovery_s": dict(self.recovery_s),
            "fault_effects": list(self.fault_effects),
            "checks": [
                {
                    "name": check.name,
                    "outcome": check.outcome.value,
                    "figures": check.figures,
                    "evidence": list(check.evidence),
                }
                for check in self.checks
            ],
        }
        if self.reason:
            said["reason"] = self.reason
        return json.dumps(said, indent=2, default=_plain) + "\n"


def judge(folder: Path, expected: Expected) -> Verdict:
    """Judge the history in a folder. Never raises for what it finds there."""
    try:
        history = open_history(folder)
        return _judge(history, expected)
    except Incomplete as error:
        return _unread(Outcome.INCONCLUSIVE, str(error), expected)
    except Damaged as error:
        return _unread(Outcome.INVALID, str(error), expected)


def _judge(history: History, expected: Expected) -> Verdict:
    results, counts = _conclusions(history)
    run = history.events[0]
    aborted = history.one("aborted")
    outcome = _outcome(results)
    by_name = {result.name: result for result in results}
    seed = run.get("seed")
    return Verdict(
        experiment=str(run.get("experiment")),
        seed=seed if isinstance(seed, int) else None,
        outcome=Outcome.ABORTED if aborted else outcome,
        expected=expected,
        records=counts | _record_figures(by_name),
        recovery_s=worst_times(by_name["recovery-time"]),
        fault_effects=effects(history),
        checks=results,
        reason=str(aborted.get("why", "")) if aborted else "",
    )


def _conclusions(history: History) -> tuple[list[CheckResult], dict[str, int]]:
    examined: dict[str, list[Finding]] = {check.name: [] for check in REGISTRY}
    counts = dict.fromkeys(_COUNTS, 0)
    broken: dict[str, str] = {}
    for partition in _examinations(history):
        for name, finding in partition.findings.items():
            examined[name].append(finding)
        broken |= partition.broken
        for name, count in partition.counts.items():
            counts[name] += count
    results = [_concluded(check, history, examined[check.name], broken) for check in REGISTRY]
    return results, counts


@dataclass(frozen=True, slots=True)
class _Examined:
    findings: Mapping[str, Finding]
    broken: Mapping[str, str]
    counts: Mapping[str, int]


def _examinations(history: History) -> list[_Examined]:
    if sum(history.rows.values()) < _WORTH_A_PROCESS:
        return [_examine(history, partition) for partition in history.partitions]
    with ProcessPoolExecutor(_PROCESSES) as pool:
        waiting = [pool.submit(_examine, history, p) for p in history.partitions]
        return [one.result() for one in waiting]


def _examine(history: History, partition: int) -> _Examined:
    records = PartitionRecords(history, partition)
    findings, broken = {}, {}
    for check in REGISTRY:
        if check.examine is None:
            continue
        try:
            findings[check.name] = check.examine(records)
        except Damaged:
            raise
        except Exception as error:
            broken[check.name] = f"partition {partition}: {type(error).__name__}: {error}"
    return _Examined(findings, broken, _counts(records))


def _counts(records: PartitionRecords) -> dict[str, int]:
    outcomes = np.bincount(records.produced["outcome"], minlength=len(Sent))
    final = max((len(slots) for slots in records.final_slots.values()), default=0)
    return {
        "attempted": int(outcomes.sum()),
        "acknowledged": int(outcomes[Sent.OK]),
        "unknown": int(outcomes[Sent.UNKNOWN]),
        "failed": int(outcomes[Sent.FAIL] + outcomes[Sent.ROLLED_BACK]),
        "final": final,
    }


def _concluded(
    check: Check, history: History, findings: list[Finding], broken: Mapping[str, str]
) -> CheckResult:
    """A check that crashes has judged nothing: INVALID, never PASS."""
    crash = broken.get(check.name)
    if crash is None:
        try:
            return check.conclude(history, findings)
        except Exception as error:
            crash = f"{type(error).__name__}: {error}"
    return CheckResult(check.name, CheckOutcome.INVALID, {}, ({"the check crashed": crash},))


def _outcome(results: Sequence[CheckResult]) -> Outcome:
    said = {result.outcome for result in results}
    for outcome in (Outcome.INVALID, Outcome.FAIL, Outcome.INCONCLUSIVE):
        if CheckOutcome(outcome.value) in said:
            return outcome
    return Outcome.PASS


def _record_figures(results: Mapping[str, CheckResult]) -> dict[str, int]:
    counted = {}
    for figure, check in _RECORD_FIGURES.items():
        value = results[check].figures.get(figure)
        counted[figure] = value if isinstance(value, int) else 0
    return counted


def _unread(outcome: Outcome, reason: str, expected: Expected) -> Verdict:
    kind = CheckOutcome(outcome.value)
    check = CheckResult("harness", kind, {}, ({"why": reason},))
    nothing = dict.fromkeys((*_COUNTS, *_RECORD_FIGURES), 0)
    times: dict[str, float | None] = {name.removesuffix("_s"): None for name in TIMES}
    return Verdict("", None, outcome, expected, nothing, times, (), (check,), reason)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
