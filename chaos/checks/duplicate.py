"""duplicate: one identity at two or more offsets of a replica."""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_in_final_read
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

NAME = "duplicate"


def examine(records: PartitionRecords) -> Finding:
    """Count identities read more than once from any one replica."""
    worst = np.zeros(0, dtype=np.int64)
    for counts in records.final_counts.values():
        worst = counts if not len(worst) else np.maximum(worst, counts)
    twice = np.flatnonzero(worst > 1)
    evidence = tuple(_evidence(records, int(slot)) for slot in twice[:MOST_EVIDENCE])
    return Finding(records.partition, {"duplicated": len(twice)}, evidence)


def _evidence(records: PartitionRecords, slot: int) -> dict[str, object]:
    offsets = {
        str(replica): records.final(replica)["offset"][slots == slot].tolist()
        for replica, slots in records.final_slots.items()
    }
    rows = np.flatnonzero(records.produced_slots == slot)
    plan = records.history.one("plan") or {}
    idempotent = plan.get("idempotence")
    return {
        **records.identity(slot),
        "partition": records.partition,
        "offsets": offsets,
        "acknowledged_offset": int(records.produced["offset"][rows[0]]) if len(rows) else None,
        "attributed_to": (
            "the idempotent client or its broker: one sequence was accepted twice"
            if idempotent
            else "a retry of the client, which was not idempotent"
        ),
    }


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """An idempotent producer writes each record once."""
    return none_in_final_read(history, NAME, findings, "duplicated")


CHECK = Check(NAME, conclude, examine)
