"""availability: the share of sends acknowledged in time, per zone, outside the faults and inside.

A zone's own producers are excused while that zone is what is being lost: nobody promises them more.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.tables import Outcome
from chaos.history.timeline import NS_PER_S, fault_windows, load_span_ns, number, whole

NAME = "availability"
_CALM = "outside"


def examine(records: PartitionRecords) -> Finding:
    """Count sends and timely acknowledgements per producer, outside the faults and per fault."""
    history = records.history
    limits = history.one("limits") or {}
    within_ns = int((number(limits, "ack_s") or 0.0) * NS_PER_S)
    begin_ns, end_ns = load_span_ns(history)
    send, done = records.times["send_ns"], records.times["done_ns"]
    timely = records.acknowledged & (done - send <= within_ns)
    judged = (send >= begin_ns) & (send < end_ns)
    # What the sender itself takes back was not to be acknowledged.
    judged &= np.not_equal(records.produced["outcome"], Outcome.ROLLED_BACK)
    producers = int(records.produced["producer"].max(initial=-1)) + 1
    figures: dict[str, object] = {}
    calm = judged.copy()
    for window in fault_windows(history):
        # What was sent shortly before a fault could still be in flight when it struck.
        inside = judged & (send >= window.inject_ns - within_ns) & (send < window.whole_ns)
        calm &= ~inside
        figures[window.id] = _counts(records, inside, timely, producers)
    figures[_CALM] = _counts(records, calm, timely, producers)
    return Finding(records.partition, figures)


def _counts(
    records: PartitionRecords, chosen: np.ndarray, timely: np.ndarray, producers: int
) -> list[tuple[int, int]]:
    who = records.produced["producer"]
    sent = np.bincount(who[chosen], minlength=producers)
    good = np.bincount(who[chosen & timely], minlength=producers)
    return [(int(a), int(b)) for a, b in zip(sent, good, strict=True)]


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Compare the shares with the limits."""
    limits = history.one("limits") or {}
    zone_of = {
        whole(event, "producer"): str(event.get("zone"))
        for event in history.of_kind("producer-start")
    }
    least = {_CALM: number(limits, "available_outside") or 0.0}
    excused = {window.id: window.zone for window in fault_windows(history)}
    shares: dict[str, dict[str, float]] = {}
    short: list[dict[str, object]] = []
    for period in (_CALM, *excused):
        floor = least.get(period, number(limits, "available_inside") or 0.0)
        shares[period] = _shares(findings, period, zone_of)
        short += [
            {"period": period, "zone": zone, "share": share, "least": floor}
            for zone, share in shares[period].items()
            if share < floor and zone != excused.get(period)
        ]
    outcome = CheckOutcome.FAIL if short else CheckOutcome.PASS
    return CheckResult(NAME, outcome, {"share_in_time": shares}, tuple(short))


def _shares(findings: Sequence[Finding], period: str, zone_of: dict[int, str]) -> dict[str, float]:
    sent: dict[str, int] = {}
    good: dict[str, int] = {}
    for finding in findings:
        counts = finding.figures[period]
        for producer, (a, b) in enumerate(counts if isinstance(counts, list) else ()):
            zone = zone_of.get(producer, "?")
            sent[zone] = sent.get(zone, 0) + a
            good[zone] = good.get(zone, 0) + b
    return {zone: round(good[zone] / sent[zone], 5) for zone in sorted(sent) if sent[zone]}


CHECK = Check(NAME, conclude, examine)
