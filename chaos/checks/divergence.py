"""divergence: two replicas hold different records at one offset."""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_in_final_read
from chaos.history.read import Columns, History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords

NAME = "divergence"
_CONTENT = ("producer", "sequence", "crc_ok")


def examine(records: PartitionRecords) -> Finding:
    """Compare every replica's read with the first one's, offset by offset."""
    first, *others = records.history.replicas or (None,)
    count, evidence = 0, []
    for replica in others:
        if first is None:
            break
        offsets = _differing(records.final(first), records.final(replica))
        count += len(offsets)
        evidence += [
            {"partition": records.partition, "offset": int(at), "replicas": [first, replica]}
            for at in offsets[:MOST_EVIDENCE]
        ]
    return Finding(records.partition, {"diverged": count}, tuple(evidence[:MOST_EVIDENCE]))


def _differing(one: Columns, other: Columns) -> np.ndarray:
    if np.array_equal(one["offset"], other["offset"]):
        same = np.ones(len(one["offset"]), dtype=bool)
        for name in _CONTENT:
            same &= one[name] == other[name]
        return one["offset"][~same]
    both, left, right = np.intersect1d(one["offset"], other["offset"], return_indices=True)
    same = np.ones(len(both), dtype=bool)
    for name in _CONTENT:
        same &= one[name][left] == other[name][right]
    only = np.setxor1d(one["offset"], other["offset"])
    return np.sort(np.concatenate((both[~same], only)))


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """All replicas agree."""
    return none_in_final_read(history, NAME, findings, "diverged")


CHECK = Check(NAME, conclude, examine)
