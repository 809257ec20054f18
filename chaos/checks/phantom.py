"""phantom: the final read holds what was refused, rolled back or never sent, or is broken."""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_in_final_read
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

NAME = "phantom"
_UNSENT = "no send of this identity left a client, or it was rolled back"


def examine(records: PartitionRecords) -> Finding:
    """Look for identities without an attempt, or whose attempt never left the client."""
    refused_slots = np.unique(records.produced_slots[records.refused])
    found, evidence = 0, []
    for replica, slots in records.final_slots.items():
        strange = np.flatnonzero((slots < 0) | np.isin(slots, refused_slots))
        found = max(found, len(strange))
        evidence += [_evidence(records, replica, int(row)) for row in strange[:MOST_EVIDENCE]]
    return Finding(records.partition, {"phantom": found}, tuple(evidence[:MOST_EVIDENCE]))


def _evidence(records: PartitionRecords, replica: int, row: int) -> dict[str, object]:
    read = records.final(replica)
    broken = not read["crc_ok"][row]
    return {
        "partition": records.partition,
        "replica": replica,
        "offset": int(read["offset"][row]),
        "producer": int(read["producer"][row]),
        "sequence": int(read["sequence"][row]),
        "why": "its CRC does not hold" if broken else _UNSENT,
    }


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """None may be there."""
    return none_in_final_read(history, NAME, findings, "phantom")


CHECK = Check(NAME, conclude, examine)
