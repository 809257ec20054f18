"""deficit: outside of faults the fleet keeps up with what arrives, by its own alarm's word.

A fleet that is 4 % too slow looks healthy for minutes and cannot be saved after hours: the alarm
looks at the slope, while the level is still normal. Whether it fell behind is also counted from the
rows; an alarm that was silent then makes the run INVALID.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Evidence, Finding, total
from chaos.history.lag import first_read_ns
from chaos.history.read import Event, History
from chaos.history.records import PartitionRecords
from chaos.history.timeline import NS_PER_S, fault_windows, load_span_ns, number, whole

NAME = "deficit"
#: A part of what arrives that is not kept up with, and for how long: below either nothing follows.
COUNTED_RATIO, COUNTED_S = 0.02, 30.0
_COUNTED_NS = COUNTED_S * NS_PER_S
_SAID = ("level", "lag_records", "deficit_ratio", "instances", "instances_wanted")


def examine(records: PartitionRecords) -> Finding:
    """Count what arrived and what was processed while the load lasted."""
    begin_ns, end_ns = load_span_ns(records.history)
    arrived = records.times["done_ns"][records.acknowledged]
    processed = first_read_ns(records)
    figures = {
        "arrived": int(np.count_nonzero((arrived >= begin_ns) & (arrived < end_ns))),
        "processed": int(np.count_nonzero((processed >= begin_ns) & (processed < end_ns))),
    }
    return Finding(records.partition, figures)


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """The alarm was on for no longer than the limit, and not silent where it should have been."""
    most_s = number(history.one("limits") or {}, "deficit_s")
    if most_s is None:
        return CheckResult(NAME, CheckOutcome.NOT_JUDGED, {})
    looks = list(_looks(history))
    alarms = [event for event in looks if event.get("deficit") is True]
    begin_ns, end_ns = load_span_ns(history)
    counted = _counted(history, findings)
    figures: dict[str, object] = {"looks": len(looks), "alarm_s": _on_s(looks)}
    figures["counted_ratio"] = counted
    evidence: list[Evidence] = []
    outcome = CheckOutcome.PASS
    if alarms:
        first = {name: alarms[0].get(name) for name in _SAID}
        after_s = (whole(alarms[0], "t_ns") - begin_ns) / NS_PER_S
        figures["first_alarm"] = {"after_s": round(after_s, 1), **first}
    if _on_s(looks) > most_s:
        outcome = CheckOutcome.FAIL
        last = {name: alarms[-1].get(name) for name in _SAID}
        evidence.append({"why": "the fleet has less capacity than what arrives", **last})
    elif not looks:
        outcome = CheckOutcome.INVALID
        evidence.append({"why": "nobody looked at the group's lag"})
    elif counted is not None and counted >= COUNTED_RATIO and end_ns - begin_ns >= _COUNTED_NS:
        outcome = CheckOutcome.INVALID
        evidence.append({"why": "the fleet fell behind and its alarm was silent", "by": counted})
    return CheckResult(NAME, outcome, figures, tuple(evidence))


def _looks(history: History) -> Iterator[Event]:
    """Under load, and not while a fault or its heal is what the group falls behind for."""
    begin_ns, end_ns = load_span_ns(history)
    windows = fault_windows(history)
    for event in history.of_kind("lag-look"):
        at_ns = whole(event, "t_ns")
        struck = any(window.inject_ns <= at_ns <= window.whole_ns for window in windows)
        if begin_ns <= at_ns < end_ns and not struck:
            yield event


def _on_s(looks: Sequence[Event]) -> float:
    """How long the alarm was on, from look to look."""
    pairs = pairwise(looks)
    on = [whole(b, "t_ns") - whole(a, "t_ns") for a, b in pairs if a.get("deficit") is True]
    return round(sum(on) / NS_PER_S, 1)


def _counted(history: History, findings: Sequence[Finding]) -> float | None:
    """The part of what arrived that was not processed; None where a fault has left a backlog."""
    arrived = total(findings, "arrived")
    if fault_windows(history) or not arrived:
        return None
    return round(1 - total(findings, "processed") / arrived, 4)


CHECK = Check(NAME, conclude, examine)
