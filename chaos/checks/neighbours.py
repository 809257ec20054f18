"""neighbours: while another client takes all it can get, the others' waits stay what they were.

Waits are from a send to its acknowledgement, and to the moment at which a member has processed it.
The 99th percentile of each inside a fault is held against that of the calm before the first one.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Evidence, Finding
from chaos.history.lag import first_read_ns
from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.timeline import NS_PER_S, fault_windows, load_span_ns, number

NAME = "neighbours"
QUANTILE = 0.99
#: With fewer the 99th percentile is the worst few, which on any machine are chance.
LEAST_SAMPLES = 1_000
#: In seconds, each 1.2 % above the one before: what partitions count is added up by these.
_EDGES_S = np.geomspace(1e-5, 600, 1500)
_CALM = "calm"
_WAITS = ("to acknowledged", "to processed")


def examine(records: PartitionRecords) -> Finding:
    """Count the waits of records that were sent in the calm, and inside each fault."""
    if _most(records.history) is None:
        return Finding(records.partition, {})
    rows = np.flatnonzero(records.acknowledged)
    send, done = records.times["send_ns"][rows], records.times["done_ns"][rows]
    # What nobody has processed waits for ever, and is counted with the longest.
    processed = first_read_ns(records)[records.produced_slots[rows]]
    figures: dict[str, object] = {}
    for name, begin_ns, end_ns in _periods(records.history):
        chosen = (send >= begin_ns) & (send < end_ns)
        for what, until in zip(_WAITS, (done, processed), strict=True):
            waits_s = (until[chosen] - send[chosen]) / NS_PER_S
            figures[f"{name} {what}"] = _counts(waits_s)
    return Finding(records.partition, figures)


def _most(history: History) -> float | None:
    return number(history.one("limits") or {}, "neighbours_factor")


def _periods(history: History) -> Iterator[tuple[str, int, int]]:
    """The calm before the first fault, then each fault while it was active."""
    begin_ns, end_ns = load_span_ns(history)
    windows = fault_windows(history)
    yield _CALM, begin_ns, min([window.inject_ns for window in windows], default=end_ns)
    for window in windows:
        yield window.id, window.active_ns, window.healing_ns


def _counts(waits_s: np.ndarray) -> list[int]:
    """How many waits end in each of the bins; shorter and longer ones in the first and last."""
    bins = np.clip(np.searchsorted(_EDGES_S, waits_s), 0, len(_EDGES_S) - 1)
    found: list[int] = np.bincount(bins, minlength=len(_EDGES_S)).tolist()
    return found


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """No wait inside a fault is longer than so many times what it was in the calm."""
    most = _most(history)
    if most is None:
        return CheckResult(NAME, CheckOutcome.NOT_JUDGED, {})
    periods = [name for name, *_ in _periods(history)]
    if len(periods) == 1:
        return CheckResult(NAME, CheckOutcome.INVALID, {}, ({"why": "nobody disturbed anyone"},))
    p99_ms: dict[str, dict[str, float | None]] = {
        name: {what: _quantile_ms(findings, f"{name} {what}") for what in _WAITS}
        for name in periods
    }
    over, few = [], []
    for name in periods[1:]:
        for what in _WAITS:
            calm_ms, inside_ms = p99_ms[_CALM][what], p99_ms[name][what]
            said: Evidence = {"id": name, "wait": what, "calm_ms": calm_ms, "inside_ms": inside_ms}
            if calm_ms is None or inside_ms is None:
                few.append({"why": f"fewer than {LEAST_SAMPLES:,} records", **said})
            elif inside_ms > most * calm_ms:
                times = round(inside_ms / calm_ms, 2)
                over.append({"why": "others wait longer", **said, "times": times, "most": most})
    outcome = CheckOutcome.INCONCLUSIVE if few else CheckOutcome.PASS
    outcome = CheckOutcome.FAIL if over else outcome
    return CheckResult(NAME, outcome, {"p99_ms": p99_ms}, (*over, *few))


def _quantile_ms(findings: Sequence[Finding], name: str) -> float | None:
    """Over all partitions; None where there are too few to say."""
    counts = np.zeros(len(_EDGES_S), dtype=np.int64)
    for finding in findings:
        counts += np.array(finding.figures[name])
    if counts.sum() < LEAST_SAMPLES:
        return None
    at = int(np.searchsorted(np.cumsum(counts), QUANTILE * counts.sum()))
    return round(float(_EDGES_S[at]) * 1000, 3)


CHECK = Check(NAME, conclude, examine)
