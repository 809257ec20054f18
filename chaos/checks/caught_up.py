"""caught-up: members left out what can wait, for as long as they had to, and nothing is forgotten.

What was put off is told from rows alone: a rest that a replay did was deferred, a record that a
replay did whole was passed over. The fleet's own book must say the same.
"""

from collections.abc import Iterator, Sequence
from math import inf, isfinite

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Evidence, Finding, total
from chaos.checks.skipped import committed
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords
from chaos.history.tables import REPLAY, Part
from chaos.history.timeline import fault_windows, load_span_ns, whole

NAME = "caught-up"
_ENTERED, _LEFT = "catching-up", "caught-up"
_INVALID, _FAIL, _OPEN = CheckOutcome.INVALID, CheckOutcome.FAIL, CheckOutcome.INCONCLUSIVE
#: What a problem makes of the run, and what it is.
_Problem = tuple[CheckOutcome, Evidence]


def examine(records: PartitionRecords) -> Finding:
    """What was put off, and what of it is still to be done."""
    if not _can_wait(records.history):
        return Finding(records.partition, {})
    consumed, parts = records.consumed, records.parts
    rest = parts["part"] == Part.REST
    done_late = np.unique(parts["offset"][rest & (parts["member"] == REPLAY)])
    passed = np.unique(consumed["offset"][consumed["member"] == REPLAY])
    deferred = np.setdiff1d(done_late, passed)
    left = np.setdiff1d(_below_commits(records), parts["offset"][rest])
    pieces = [("deferred", deferred), ("passed_over", passed), ("never_done", left)]
    figures = {name: len(offsets) for name, offsets in pieces}
    ranges = {name: f"{offsets[0]}-{offsets[-1]}" for name, offsets in pieces if len(offsets)}
    evidence = [{"partition": records.partition, **figures, "offsets": ranges}]
    return Finding(records.partition, figures, tuple(evidence) if len(left) else ())


def _below_commits(records: PartitionRecords) -> np.ndarray:
    """The offsets of every record that a commit has passed."""
    below, history = committed(records.history, records.partition), records.history
    for replica in history.replicas[:1]:
        offsets, slots = records.final(replica)["offset"], records.final_slots[replica]
        return np.asarray(offsets[(offsets < below) & (slots >= 0)])
    return np.zeros(0, dtype=np.int64)


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Every member that entered left again, once for each fault, and all that was owed is done."""
    if not _can_wait(history):
        return CheckResult(NAME, CheckOutcome.NOT_JUDGED, {})
    counts = {name: total(findings, name) for name in ("deferred", "passed_over", "never_done")}
    spans = list(_spans(history))
    problems = [*_modes(history, spans), *_book(history, counts)]
    if not any(counts.values()):
        problems.append((_INVALID, {"why": "nothing was put off: nothing was put to the test"}))
    if counts["never_done"]:
        problems.append((_FAIL, {"why": "what was put off was never done", **counts}))
    lengths = [round(end - begin, 2) if isfinite(end) else None for _, begin, end in spans]
    figures = counts | {"catching_up_s": lengths}
    said = {outcome for outcome, _ in problems}
    outcome = next((one for one in (_INVALID, _FAIL, _OPEN) if one in said), CheckOutcome.PASS)
    evidence = [found for _, found in problems]
    evidence += [piece for finding in findings for piece in finding.evidence]
    return CheckResult(NAME, outcome, figures, tuple(evidence[:MOST_EVIDENCE]))


def _can_wait(history: History) -> bool:
    """Whether there is anything that members may put off."""
    work = (history.one("plan") or {}).get("work")
    return isinstance(work, dict) and work.get("catch_up") is not None


def _spans(history: History) -> Iterator[tuple[int, float, float]]:
    """Of each time that a member caught up: who, from when, until when; never: infinity."""
    since: dict[int, float] = {}
    for event in history.of_kind("fleet-signal"):
        member, at_s = whole(event, "member"), whole(event, "t_ns") / 1e9
        if event.get("signal") == _ENTERED:
            since.setdefault(member, at_s)
        elif event.get("signal") == _LEFT and member in since:
            yield member, since.pop(member), at_s
    for member, at_s in since.items():
        yield member, at_s, inf


def _modes(history: History, spans: Sequence[tuple[int, float, float]]) -> Iterator[_Problem]:
    if not spans:
        yield _INVALID, {"why": "no member caught up: its lag never reached enter_records"}
    end_s = load_span_ns(history)[1] / 1e9
    faults = max(1, len(fault_windows(history)))
    members = [member for member, *_ in spans]
    for member, begin_s, left_s in spans:
        if left_s > end_s:
            after_s = round(end_s - begin_s, 2)
            yield _FAIL, {"why": "still catching up", "member": member, "after_s": after_s}
    for member in sorted(set(members)):
        if members.count(member) > faults:
            times = members.count(member)
            yield _FAIL, {"why": "left and entered again", "member": member, "times": times}


def _book(history: History, counts: dict[str, int]) -> Iterator[_Problem]:
    """What the fleet's own ledger said was owed, and what its replay said of it."""
    owed, replayed = history.one("owed"), history.one("replayed")
    if owed is None or replayed is None:
        yield _OPEN, {"why": "the replay of what was put off did not end"}
        return
    said = {"deferred": whole(owed, "deferred"), "passed_over": whole(owed, "skipped")}
    if any(said[name] != counts[name] for name in said):
        yield _FAIL, {"why": "the ledger says otherwise than the rows", "ledger": said, **counts}
    over = {name: replayed.get(name) for name in ("gone", "left", "dead_letters", "unburied")}
    if any(over.values()):
        yield _FAIL, {"why": "the replay left something", **over}


CHECK = Check(NAME, conclude, examine)
