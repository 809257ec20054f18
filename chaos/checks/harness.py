"""harness: the experiment itself was sound; otherwise nothing follows from it, good or bad."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from chaos.checks.result import Check, CheckOutcome, CheckResult, Finding
from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.tables import FINAL_TABLE
from chaos.history.timeline import number, whole

NAME = "harness"
#: How far the load generator may stay behind its offered rate on its own account.
BEHIND_SHARE = 0.1
#: How far the wall clock may move against the monotonic one.
CLOCK_JUMP_S = 1.0


def examine(records: PartitionRecords) -> Finding:
    """Compare every final read with the bounds that were pinned before it."""
    history = records.history
    short = [
        piece
        for event in history.of_kind("final-bounds")
        if event.get("partition") == records.partition
        for piece in _short_read(history, records, whole(event, "high"))
    ]
    figures = {
        "acknowledged": int(records.acknowledged.sum()),
        "attempted": len(records.acknowledged),
        "rows_of": np.bincount(records.produced["producer"]).tolist(),
    }
    return Finding(records.partition, figures, tuple(short))


def _short_read(
    history: History, records: PartitionRecords, high: int
) -> Iterator[dict[str, object]]:
    partition, there = records.partition, high - records.log_start
    transactional = (history.one("plan") or {}).get("source") == "outbox"
    for replica in history.replicas:
        rows = history.rows.get(FINAL_TABLE.file(partition, replica), 0)
        # Of a log of transactions a part is their ends, and what was aborted; that such a read came
        # to its end is said by the reader alone.
        if rows > there or (rows < there and not transactional):
            yield {"partition": partition, "replica": replica, "read": rows, "of": there}


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Name everything that makes the run worthless, then everything that makes it incomplete."""
    acknowledged = sum(int(str(f.figures["acknowledged"])) for f in findings)
    attempted = sum(int(str(f.figures["attempted"])) for f in findings)
    invalid = [*_generators(history, _rows_of(findings)), *_clock(history), *_log_start(history)]
    if not acknowledged:
        invalid.append({"why": "nothing was acknowledged, so nothing was tested"})
    missing = [piece for finding in findings for piece in finding.evidence]
    missing += _final_read(history)
    figures = {"attempted": attempted, "acknowledged": acknowledged}
    outcome = CheckOutcome.PASS
    if invalid:
        outcome = CheckOutcome.INVALID
    elif missing:
        outcome = CheckOutcome.INCONCLUSIVE
    return CheckResult(NAME, outcome, figures, tuple(invalid + missing)[:20])


def _rows_of(findings: Sequence[Finding]) -> Counter[int]:
    """The rows of each producer that the history has, over all partitions."""
    rows: Counter[int] = Counter()
    for finding in findings:
        counts = finding.figures["rows_of"]
        for producer, count in enumerate(counts if isinstance(counts, list) else ()):
            rows[producer] += count
    return rows


def _generators(history: History, rows_of: Counter[int]) -> list[dict[str, object]]:
    started = {whole(event, "producer") for event in history.of_kind("producer-start")}
    problems: list[dict[str, object]] = []
    for event in history.of_kind("producer-exit"):
        producer = whole(event, "producer")
        started.discard(producer)
        due, sent = number(event, "due") or 0.0, number(event, "sent") or 0.0
        # A full buffer is the cluster's doing and is judged as availability.
        behind = due - sent - (number(event, "blocked") or 0.0)
        if due and behind / due > BEHIND_SHARE:
            problems.append(
                {"why": "the load generator fell behind", "producer": producer, "due": due}
                | {"sent": sent}
            )
        if whole(event, "attempts") != whole(event, "rows"):
            problems.append({"why": "sends without an outcome", "producer": producer})
        if whole(event, "rows") != rows_of[producer]:
            # An acknowledgement that is not in the history could be lost and nobody would know.
            problems.append(
                {
                    "why": "rows of a producer are not in the history",
                    "producer": producer,
                    "written": whole(event, "rows"),
                    "there": rows_of[producer],
                }
            )
    problems += [{"why": "a producer did not end", "producer": p} for p in sorted(started)]
    return problems


def _clock(history: History) -> list[dict[str, object]]:
    return [
        {"why": "the clock jumped", "by_s": jump}
        for event in history.of_kind("clock")
        if abs(jump := number(event, "jump_s") or 0.0) > CLOCK_JUMP_S
    ]


def _log_start(history: History) -> list[dict[str, object]]:
    """Where nothing was to be deleted, nothing may be."""
    if number(history.one("plan") or {}, "retention_s"):
        return []
    return [
        {
            "why": "the log start moved: retention or deletion was on",
            "partition": event.get("partition"),
            "offset": event.get("offset"),
        }
        for event in history.of_kind("log-start")
        if event.get("offset") != 0
    ]


def _final_read(history: History) -> list[dict[str, object]]:
    plan = history.one("plan") or {}
    wanted = int(number(plan, "replication_factor") or 0)
    pinned = {whole(event, "partition") for event in history.of_kind("final-bounds")}
    partitions = int(number(plan, "partitions") or 0)
    problems: list[dict[str, object]] = []
    if len(history.replicas) < wanted or not wanted:
        read = list(history.replicas)
        problems.append({"why": "not every replica was read at the end", "replicas": read})
    if len(pinned) < partitions or not partitions:
        problems.append({"why": "not every partition's end was pinned", "partitions": len(pinned)})
    return problems + _unproven(history, wanted)


def _unproven(history: History, wanted: int) -> list[dict[str, object]]:
    """Final reads that did not come to their ends or did not prove which replica they read."""
    said = {whole(event, "replica"): event for event in history.of_kind("final-read")}
    problems: list[dict[str, object]] = []
    for replica, event in sorted(said.items()):
        faulty = {
            name: event.get(name) for name in ("unread", "unproven", "error") if event.get(name)
        }
        if faulty:
            problems.append({"why": "a final read is incomplete", "replica": replica, **faulty})
    if len(said) < wanted:
        problems.append({"why": "a final read did not end", "ended": sorted(said)})
    return problems


CHECK = Check(NAME, conclude, examine)
