"""key-order: a record of a key was processed before an earlier record of the same key.

Members process in parallel and records come again after a crash: what counts is when each record
was processed for the first time. What was passed over while catching up is processed by a replay,
in order again, but long after later records of its key: a replay is judged by itself.
"""

from collections.abc import Sequence

import numpy as np

from chaos.checks.result import Check, CheckResult, Finding, none_allowed
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords
from chaos.history.tables import REPLAY
from chaos.payload import KEYS

NAME = "key-order"


def examine(records: PartitionRecords) -> Finding:
    """Go through each key in the order of the log, along with when it was first processed."""
    consumed = records.consumed
    known = np.flatnonzero(records.consumed_slots >= 0)
    key = consumed["producer"][known].astype(np.int64) * KEYS + consumed["sequence"][known] % KEYS
    key = 2 * key + (consumed["member"][known] == REPLAY)
    offset, read_ns = consumed["offset"][known], consumed["read_ns"][known]
    in_log = np.lexsort((read_ns, offset, key))
    key, offset, read_ns = key[in_log], offset[in_log], read_ns[in_log]
    first = np.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (offset[1:] != offset[:-1])
    rows = known[in_log][first]
    key, offset, read_ns = key[first], offset[first], read_ns[first]
    wrong = np.flatnonzero((key[1:] == key[:-1]) & (read_ns[1:] < read_ns[:-1])) + 1
    evidence = tuple(
        {
            "partition": records.partition,
            **records.identity(int(records.consumed_slots[rows[at]])),
            "offset": int(offset[at]),
            "before_offset": int(offset[at - 1]),
            "early_ms": round(float(read_ns[at - 1] - read_ns[at]) / 1e6, 3),
        }
        for at in wrong[:MOST_EVIDENCE]
    )
    return Finding(records.partition, {"out_of_order": len(wrong)}, evidence)


def conclude(_: History, findings: Sequence[Finding]) -> CheckResult:
    """Order per key is kept through every lane, every rebalance and every crash."""
    return none_allowed(NAME, findings, "out_of_order")


CHECK = Check(NAME, conclude, examine)
