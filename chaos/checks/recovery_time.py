"""recovery-time: produce, ISR, commit and lag are back within the limits of the failover budget.

Produce recovery is the longest time without an acknowledgement on the worst partition that overlaps
the fault, so that a partition which limps is not counted as recovered. A time that was not reached
is ``null``: did not finish.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks import lag_recovery
from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import Event, History
from chaos.history.records import PartitionRecords
from chaos.history.timeline import NS_PER_S, FaultWindow, fault_windows, number, whole

NAME = "recovery-time"
TIMES = ("produce_s", "isr_s", "commit_s", "lag_s")


def examine(records: PartitionRecords) -> Finding:
    """Gaps between acknowledgements and between commits around every fault, and the lag grid."""
    done = np.sort(records.times["done_ns"][records.acknowledged])
    commits = _commits(records.history, records.partition)
    figures: dict[str, object] = dict(lag_recovery.examine(records).figures)
    for window in fault_windows(records.history):
        figures[f"{window.id} produce_s"] = _longest_gap_s(done, window)
        figures[f"{window.id} commit_s"] = _longest_gap_s(commits, window)
    return Finding(records.partition, figures)


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Compare every fault's times with its limits."""
    lags = lag_recovery.conclude(history, findings).figures["per_fault"]
    said = {str(event.get("id")): event for event in history.of_kind("limits-of")}
    faults: list[dict[str, object]] = []
    for window in fault_windows(history):
        lag = lags[window.id]["lag_s"] if isinstance(lags, dict) else None
        measured = {
            "produce_s": _worst(findings, f"{window.id} produce_s"),
            "isr_s": _isr_s(history, window),
            "commit_s": _worst(findings, f"{window.id} commit_s"),
            "lag_s": lag,
        }
        faults.append(_judged(window, measured, said.get(window.id, {})))
    late = [fault for fault in faults if fault["over"]]
    outcome = CheckOutcome.FAIL if late else CheckOutcome.PASS
    return CheckResult(NAME, outcome, {"faults": faults}, tuple(late))


def worst_times(result: CheckResult) -> dict[str, float | None]:
    """The worst of each time over all faults, by the names of verdict.json."""
    faults = result.figures.get("faults")
    worst: dict[str, float | None] = dict.fromkeys(TIMES, 0.0)
    for fault in faults if isinstance(faults, list | tuple) else ():
        for name in TIMES:
            measured, before = fault["measured"].get(name), worst[name]
            ended = measured is not None and before is not None
            worst[name] = max(measured, before) if ended else None
    return {name.removesuffix("_s"): time for name, time in worst.items()}


def _judged(
    window: FaultWindow, measured: dict[str, float | None], limits: Event
) -> dict[str, object]:
    within = limits.get("limits")
    predicted = limits.get("predicted")
    allowed = within if isinstance(within, dict) else {}
    over = [
        name
        for name in TIMES
        if (value := measured[name]) is None or value > (number(allowed, name) or 0.0)
    ]
    return {
        "id": window.id,
        "fault": window.fault,
        "zone": window.zone,
        "measured": measured,
        "limits": allowed,
        "predicted": predicted if isinstance(predicted, dict) else {},
        "over": over,
    }


def _longest_gap_s(moments: np.ndarray, window: FaultWindow) -> float | None:
    """The longest pause that overlaps the fault; None when nothing followed it."""
    if not len(moments) or moments[-1] <= window.active_ns:
        return None
    padded = np.concatenate(([window.inject_ns], moments))
    padded.sort()
    begins, ends = padded[:-1], padded[1:]
    overlapping = (ends > window.inject_ns) & (begins < window.heal_ns)
    gaps = (ends - begins)[overlapping]
    return round(float(gaps.max(initial=0)) / NS_PER_S, 3)


def _commits(history: History, partition: int) -> np.ndarray:
    """When the partition's committed offset moved on."""
    moments, highest = [], -1
    for event in history.of_kind("commit"):
        offsets = event.get("offsets")
        said = offsets.get(str(partition)) if isinstance(offsets, dict) else None
        if isinstance(said, int) and said > highest:
            highest = said
            moments.append(whole(event, "t_ns"))
    return np.array(sorted(moments), dtype=np.int64)


def _worst(findings: Sequence[Finding], name: str) -> float | None:
    times = [finding.figures[name] for finding in findings]
    if any(time is None for time in times):
        return None
    return max((float(str(time)) for time in times), default=0.0)


def _isr_s(history: History, window: FaultWindow) -> float | None:
    """From the moment the heal began, restarts included, until every ISR was full again."""
    full = number(history.one("plan") or {}, "replication_factor") or 0
    sizes: dict[object, int] = {}
    back_ns: int | None = None
    for event in history.of_kind("isr"):
        at_ns = whole(event, "t_ns")
        if at_ns > window.whole_ns and back_ns is not None:
            break
        isr = event.get("isr")
        sizes[event.get("partition")] = len(isr) if isinstance(isr, list) else 0
        complete = all(size >= full for size in sizes.values())
        back_ns = (at_ns if back_ns is None else back_ns) if complete else None
    if back_ns is None:
        return None
    return round(max(0, back_ns - window.healing_ns) / NS_PER_S, 3)


CHECK = Check(NAME, conclude, examine)
