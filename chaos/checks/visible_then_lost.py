"""visible-then-lost: a consumer saw a record live, and the final read lacks it."""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_in_final_read
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

NAME = "visible-then-lost"


def examine(records: PartitionRecords) -> Finding:
    """Look up every identity that a member processed in what is left at the end."""
    rows = np.flatnonzero(records.consumed_slots >= 0)
    slots = records.consumed_slots[rows]
    read = records.was_read(records.consumed["offset"][rows])
    gone = rows[read & ~records.in_every_replica[slots]]
    evidence = tuple(
        {
            **records.identity(int(records.consumed_slots[row])),
            "partition": records.partition,
            "read_at_offset": int(records.consumed["offset"][row]),
            "read_at_ns": int(records.consumed["read_ns"][row]),
        }
        for row in gone[:MOST_EVIDENCE]
    )
    figures = {"visible_then_lost": len(np.unique(records.consumed_slots[gone]))}
    return Finding(records.partition, figures, evidence)


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """None may be."""
    return none_in_final_read(history, NAME, findings, "visible_then_lost")


CHECK = Check(NAME, conclude, examine)
