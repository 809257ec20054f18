"""lag-recovery: after every heal all partitions return to normal lag and stay there under load.

Where an experiment says how long a record may wait at most, none waits longer either.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Evidence, Finding
from chaos.history.lag import grid_ns, lag_s
from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.timeline import NS_PER_S, FaultWindow, fault_windows, number

NAME = "lag-recovery"
#: Producers that offer less than this share have given the group an easier task than promised.
_OFFERED_SHARE = 0.9


def examine(records: PartitionRecords) -> Finding:
    """Lag in milliseconds and sends at every moment of the grid."""
    grid = grid_ns(records.history)
    lag_ms = np.minimum(lag_s(records, grid) * 1000, np.iinfo(np.int32).max).astype(np.int32)
    edges = np.append(grid, grid[-1] + (grid[1] - grid[0] if len(grid) > 1 else 1))
    # ``send_ns`` grows within each producer's rows only, so it is counted and not searched.
    sends = np.histogram(records.times["send_ns"], bins=edges)[0].astype(np.int32)
    return Finding(records.partition, {"lag_ms": lag_ms, "sends": sends})


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Look for the first moment after each heal from which lag stays normal for the hold window."""
    grid = grid_ns(history)
    worst_s = np.zeros(len(grid))
    sends = np.zeros(len(grid))
    for finding in findings:
        worst_s = np.maximum(worst_s, np.asarray(finding.figures["lag_ms"]) / 1000)
        sends += np.asarray(finding.figures["sends"])
    limits = history.one("limits") or {}
    normal_s = _normal_s(history, grid, worst_s, limits)
    step_s = (grid[1] - grid[0]) / NS_PER_S if len(grid) > 1 else 1.0
    hold = max(1, round((number(limits, "lag_hold_s") or 0) / step_s))
    offered = _offered(history, sends, step_s, hold)
    normal = (worst_s <= normal_s) & offered
    per_fault: dict[str, object] = {}
    recovered, waited, most_s = True, list[Evidence](), number(limits, "lag_peak_s") or np.inf
    for window in fault_windows(history):
        found = _first_held(normal, grid, window.heal_ns, hold)
        recovered &= found is not None
        peak = _peak(worst_s, grid, window, found)
        if peak > most_s:
            waited.append({"fault": window.id, "peak_s": round(peak, 2), "at_most_s": most_s})
        per_fault[window.id] = {
            "lag_s": None if found is None else round((found - window.heal_ns) / NS_PER_S, 2),
            "peak_s": round(peak, 2),
        }
    figures = {
        "normal_s": round(normal_s, 3),
        "worst_s": round(float(worst_s.max(initial=0.0)), 2),
        "at_the_end_s": round(float(worst_s[-1]) if len(worst_s) else 0.0, 2),
        "per_fault": per_fault,
    }
    if not per_fault:
        calm = worst_s[-hold:] <= normal_s
        recovered = len(normal) >= hold and bool(calm.all() and offered[len(offered) - hold])
    outcome = CheckOutcome.PASS if recovered and not waited else CheckOutcome.FAIL
    evidence = (*waited, *(() if recovered else _evidence(findings, normal_s)))
    return CheckResult(NAME, outcome, figures, evidence)


def _normal_s(history: History, grid: np.ndarray, worst_s: np.ndarray, limits: object) -> float:
    """K times the p99 of the lag before the first fault, or the floor when that is more.

    Without a fault it is the lag of the first hold window: measured by the whole of a run, a group
    that falls behind all the time would set its own limit.
    """
    windows = fault_windows(history)
    said = limits if isinstance(limits, dict) else {}
    begin_ns = grid[0] if len(grid) else 0
    first_ns = begin_ns + int((number(said, "lag_hold_s") or 0) * NS_PER_S)
    before = worst_s[grid < (windows[0].inject_ns if windows else first_ns)]
    p99_s = float(np.percentile(before, 99)) if len(before) else 0.0
    return max((number(said, "lag_factor") or 1) * p99_s, number(said, "lag_floor_s") or 0.0)


def _offered(history: History, sends: np.ndarray, step_s: float, hold: int) -> np.ndarray:
    """Whether, over the hold window that begins at each step, the offered rate was sent."""
    plan = history.one("plan") or {}
    wanted = (number(plan, "offered_per_s") or 0.0) * step_s * hold * _OFFERED_SHARE
    if not len(sends):
        return np.zeros(0, dtype=bool)
    sums = np.concatenate(([0.0], np.cumsum(sends)))
    ends = np.minimum(np.arange(len(sends)) + hold, len(sends))
    return (sums[ends] - sums[:-1]) >= wanted * (ends - np.arange(len(sends))) / hold


def _first_held(normal: np.ndarray, grid: np.ndarray, from_ns: int, hold: int) -> int | None:
    begin = int(np.searchsorted(grid, from_ns))
    if len(normal) - begin < hold:
        return None
    sums = np.concatenate(([0], np.cumsum(normal)))
    held = np.flatnonzero(sums[begin + hold :] - sums[begin : len(sums) - hold] == hold)
    return int(grid[begin + held[0]]) if len(held) else None


def _peak(worst_s: np.ndarray, grid: np.ndarray, window: FaultWindow, found: int | None) -> float:
    inside = grid >= window.inject_ns
    if found is not None:
        inside &= grid <= found
    return float(worst_s[inside].max(initial=0.0))


def _evidence(findings: Sequence[Finding], normal_s: float) -> tuple[Evidence, ...]:
    late: list[Evidence] = [
        {"partition": finding.partition, "lag_at_the_end_s": round(float(lag[-1]) / 1000, 2)}
        for finding in findings
        if len(lag := np.asarray(finding.figures["lag_ms"])) and lag[-1] / 1000 > normal_s
    ]
    return tuple(late[:20])


CHECK = Check(NAME, conclude, examine)
