"""order: a producer's records are out of sequence, or an offset is not above what was acknowledged.

The second half is the older promise: what is sent after an acknowledgement stands after it.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Evidence, Finding, none_in_final_read
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

NAME = "order"


def examine(records: PartitionRecords) -> Finding:
    """Walk one replica's log per producer, then the acknowledgements in time."""
    out_of_sequence, evidence = _out_of_sequence(records)
    below, below_evidence = _below_acknowledged(records)
    figures = {"reordered": out_of_sequence, "below_acknowledged": below}
    return Finding(records.partition, figures, (*evidence, *below_evidence)[:MOST_EVIDENCE])


def _out_of_sequence(records: PartitionRecords) -> tuple[int, list[Evidence]]:
    count = 0
    evidence: list[Evidence] = []
    for replica in records.history.replicas[:1]:
        read, slots = records.final(replica), records.final_slots[replica]
        for producer in np.unique(read["producer"][slots >= 0]):
            rows = np.flatnonzero((read["producer"] == producer) & (slots >= 0))
            sequence = read["sequence"][rows]
            before = np.maximum.accumulate(sequence)[:-1]
            wrong = np.flatnonzero(sequence[1:] <= before) + 1
            count += len(wrong)
            evidence += [
                {
                    "partition": records.partition,
                    "producer": int(producer),
                    "sequence": int(sequence[at]),
                    "offset": int(read["offset"][rows[at]]),
                    "after_sequence": int(before[at - 1]),
                }
                for at in wrong[:MOST_EVIDENCE]
            ]
    return count, evidence


def _below_acknowledged(records: PartitionRecords) -> tuple[int, list[Evidence]]:
    rows = np.flatnonzero(records.acknowledged & (records.produced["offset"] >= 0))
    offsets = records.produced["offset"][rows]
    done, send = records.times["done_ns"][rows], records.times["send_ns"][rows]
    by_done = np.argsort(done, kind="stable")
    highest = np.maximum.accumulate(offsets[by_done]) if len(rows) else offsets
    earlier = np.searchsorted(done[by_done], send, side="left")
    bound = np.where(earlier > 0, highest[np.maximum(earlier - 1, 0)], -1) if len(rows) else send
    wrong = np.flatnonzero(offsets <= bound)
    evidence: list[Evidence] = [
        {
            "partition": records.partition,
            **records.identity(int(records.produced_slots[rows[at]])),
            "offset": int(offsets[at]),
            "acknowledged_before_the_send": int(bound[at]),
        }
        for at in wrong[:MOST_EVIDENCE]
    ]
    return len(wrong), evidence


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Order per producer and partition is kept."""
    return none_in_final_read(history, NAME, findings, "reordered", "below_acknowledged")


CHECK = Check(NAME, conclude, examine)
