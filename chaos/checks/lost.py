"""lost: an acknowledged record is not in the final read of every replica."""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_in_final_read
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords
from chaos.history.timeline import isr_changes, leader_at

NAME = "lost"


def examine(records: PartitionRecords) -> Finding:
    """Look up every acknowledged identity in what is left at the end."""
    rows = np.flatnonzero(records.acknowledged)
    read = records.was_read(records.produced["offset"][rows])
    missing = rows[read & ~records.in_every_replica[records.produced_slots[rows]]]
    # A client can acknowledge with an offset that is none; such a record is never simply left out.
    evidence = tuple(_evidence(records, int(row)) for row in missing[:MOST_EVIDENCE])
    figures = {"acknowledged": len(rows), "lost": len(missing)}
    return Finding(records.partition, figures, evidence)


def _evidence(records: PartitionRecords, row: int) -> dict[str, object]:
    done_ns = int(records.times["done_ns"][row])
    slot = int(records.produced_slots[row])
    present = [r for r, counts in records.final_counts.items() if counts[slot]]
    return {
        **records.identity(slot),
        "partition": records.partition,
        "acknowledged_offset": int(records.produced["offset"][row]),
        "acknowledged_at_ns": done_ns,
        "on_replicas": present,
        "at_acknowledgement": leader_at(records.history, records.partition, done_ns),
        "isr_changes": isr_changes(records.history, records.partition, done_ns),
    }


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """None may be lost."""
    return none_in_final_read(history, NAME, findings, "lost")


CHECK = Check(NAME, conclude, examine)
