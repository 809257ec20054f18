"""effect-once: every acknowledged event has its effect in the business's database, and one of it.

The effects are counted in that database itself once the load has ended: neither what members say
that they did nor what the fleet remembers is asked.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from chaos.checks.result import (
    Check,
    CheckOutcome,
    CheckResult,
    Evidence,
    Figures,
    Finding,
    gathered,
    total,
)
from chaos.checks.skipped import committed
from chaos.history.read import History
from chaos.history.records import MOST_EVIDENCE, PartitionRecords
from chaos.history.timeline import whole

NAME = "effect-once"
#: What breaks the promise: no effect, more than one, and one of what was never sent.
_WRONG = ("missing", "repeated", "unsent")


def examine(records: PartitionRecords) -> Finding:
    """Count the effects of each event that had to have one, and those that nothing asked for."""
    if not _wanted(records.history):
        return Finding(records.partition, {})
    effects = records.effects
    slots = records.slots(effects["producer"], effects["sequence"])
    known = slots >= 0
    applied = np.zeros(len(records.in_every_replica), dtype=np.int64)
    np.add.at(applied, slots[known], effects["count"][known])
    due, refused = _due(records), _refused(records)
    missing = np.flatnonzero(due & (applied == 0))
    repeated = np.flatnonzero(applied > 1)
    unsent = np.flatnonzero(refused & (applied > 0))
    figures = {
        "rows": len(slots),
        "events": int(np.count_nonzero(due)),
        "missing": len(missing),
        "repeated": len(repeated),
        "unsent": len(unsent) + int(np.count_nonzero(~known)),
    }
    evidence = [
        *_evidence(records, "no effect", missing, applied),
        *_evidence(records, "more than one effect", repeated, applied),
        *_evidence(records, "an effect of what was refused or rolled back", unsent, applied),
        *_strange(records, np.flatnonzero(~known)),
    ]
    return Finding(records.partition, figures, tuple(evidence[:MOST_EVIDENCE]))


def _wanted(history: History) -> bool:
    """Whether members were to have effects."""
    work = (history.one("plan") or {}).get("work")
    return isinstance(work, dict) and work.get("effects") is not None


def _due(records: PartitionRecords) -> np.ndarray:
    """By slot, whether it was acknowledged, or is in the log where the group has been."""
    due = np.zeros(len(records.in_every_replica), dtype=bool)
    due[records.produced_slots[records.acknowledged]] = True
    below = committed(records.history, records.partition)
    for replica in records.history.replicas[:1]:
        slots = records.final_slots[replica]
        due[slots[(records.final(replica)["offset"] < below) & (slots >= 0)]] = True
    return due


def _refused(records: PartitionRecords) -> np.ndarray:
    """By slot, whether it is known that it was never sent, or rolled back."""
    refused = np.zeros(len(records.in_every_replica), dtype=bool)
    refused[records.produced_slots[records.refused]] = True
    return refused


def _evidence(
    records: PartitionRecords, why: str, slots: np.ndarray, applied: np.ndarray
) -> Iterator[Evidence]:
    """Each event with the offsets that its effects came from, or that it has in the log."""
    effects, below = records.effects, committed(records.history, records.partition)
    of = records.slots(effects["producer"], effects["sequence"])
    for slot in map(int, slots[:MOST_EVIDENCE]):
        offsets = effects["offset"][of == slot].tolist() or _in_log(records, slot)
        yield {
            "why": why,
            **records.identity(slot),
            "partition": records.partition,
            "offsets": offsets,
            "effects": int(applied[slot]),
            "committed": below,
        }


def _in_log(records: PartitionRecords, slot: int) -> list[int]:
    for replica in records.history.replicas[:1]:
        found: list[int] = records.final(replica)["offset"][
            records.final_slots[replica] == slot
        ].tolist()
        return found
    return []


def _strange(records: PartitionRecords, rows: np.ndarray) -> Iterator[Evidence]:
    names = ("offset", "producer", "sequence", "count")
    for row in rows[:MOST_EVIDENCE]:
        said = {name: int(records.effects[name][row]) for name in names}
        yield {"why": "an effect of nothing that was sent", "partition": records.partition, **said}


def conclude(history: History, findings: Sequence[Finding]) -> CheckResult:
    """Where there were to be effects, they were read, there was something to judge, and all fit."""
    if not _wanted(history):
        return CheckResult(NAME, CheckOutcome.NOT_JUDGED, {})
    figures = {name: total(findings, name) for name in ("events", *_WRONG)}
    read = history.one("effects")
    if read is None:
        return _without(CheckOutcome.INCONCLUSIVE, figures, "the effects were not read")
    rows, said = total(findings, "rows"), whole(read, "rows")
    if rows != said:
        why = f"{said} rows of effects were read, and {rows} are in the history"
        return _without(CheckOutcome.INVALID, figures, why)
    if not figures["events"]:
        return _without(CheckOutcome.INVALID, figures, "no event was to have an effect")
    wrong = any(figures[name] for name in _WRONG)
    outcome = CheckOutcome.FAIL if wrong else CheckOutcome.PASS
    return CheckResult(NAME, outcome, figures, gathered(findings))


def _without(outcome: CheckOutcome, figures: Figures, why: str) -> CheckResult:
    return CheckResult(NAME, outcome, figures, ({"why": why},))


CHECK = Check(NAME, conclude, examine)
