"""skipped: the group's committed offset passed a record that no member processed.

Where records are deleted after a while, those that were acknowledged and deleted count too: a group
that was too late for them commits past them all the same.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_allowed
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords
from chaos.history.tables import Part

NAME = "skipped"


def committed(history: History, partition: int) -> int:
    """The highest offset that was ever committed; 0 when none was."""
    highest = 0
    for event in history.of_kind("offsets", "commit"):
        offsets = event.get("offsets")
        said = offsets.get(str(partition)) if isinstance(offsets, dict) else None
        if isinstance(said, int):
            highest = max(highest, said)
    return highest


def examine(records: PartitionRecords) -> Finding:
    """Compare what is below the committed offset with what members processed."""
    below = committed(records.history, records.partition)
    processed = records.count(np.concatenate((records.consumed_slots, _owed(records))))
    missing: list[dict[str, object]] = []
    count = 0
    for replica in records.history.replicas[:1]:
        slots, offsets = records.final_slots[replica], records.final(replica)["offset"]
        rows = np.flatnonzero((offsets < below) & (slots >= 0))
        skipped = rows[processed[slots[rows]] == 0]
        count += len(skipped)
        missing += [
            {
                **records.identity(int(slots[row])),
                "partition": records.partition,
                "offset": int(offsets[row]),
                "committed": below,
            }
            for row in skipped[:MOST_EVIDENCE]
        ]
    deleted = _deleted(records, min(below, records.log_start), processed)
    missing += [_of_deleted(records, int(row), below) for row in deleted[:MOST_EVIDENCE]]
    count += len(deleted)
    return Finding(records.partition, {"skipped": count}, tuple(missing[:MOST_EVIDENCE]))


def _deleted(records: PartitionRecords, below: int, processed: np.ndarray) -> np.ndarray:
    """Rows of sends that were acknowledged, deleted, and processed by nobody."""
    offsets = records.produced["offset"]
    rows = np.flatnonzero(records.acknowledged & (offsets >= 0) & (offsets < below))
    unread: np.ndarray = rows[processed[records.produced_slots[rows]] == 0]
    return unread


def _of_deleted(records: PartitionRecords, row: int, below: int) -> dict[str, object]:
    return {
        **records.identity(int(records.produced_slots[row])),
        "partition": records.partition,
        "offset": int(records.produced["offset"][row]),
        "committed": below,
        "deleted": "by retention, before it was read",
    }


def _owed(records: PartitionRecords) -> np.ndarray:
    """What members left for a replay that never ended; one that did has rows of its own."""
    if records.history.one("replayed") is not None:
        return np.zeros(0, dtype=np.int64)
    parts = records.parts
    passed = np.flatnonzero(parts["part"] == Part.PASSED)
    return records.slots(parts["producer"][passed], parts["sequence"][passed])


def conclude(_: History, findings: Sequence[Finding]) -> CheckResult:
    """A commit says that everything below was processed."""
    return none_allowed(NAME, findings, "skipped")


CHECK = Check(NAME, conclude, examine)
