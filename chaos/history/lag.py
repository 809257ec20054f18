"""Lag time over time: now minus the acknowledgement of the oldest undelivered record."""

import numpy as np

from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.tables import Part
from chaos.history.timeline import NS_PER_S, load_span_ns

NEVER_NS = np.iinfo(np.int64).max
#: The grid on which lag is judged; finer than any hold window, coarse against a fetch.
STEP_S = 0.1
#: A run of a day is judged on a coarser grid rather than with ever more memory.
_MOST_STEPS = 20_000


def grid_ns(history: History) -> np.ndarray:
    """The moments at which lag is judged, from the steady state to the end of the load."""
    begin_ns, end_ns = load_span_ns(history)
    step_ns = max(int(STEP_S * NS_PER_S), (end_ns - begin_ns) // _MOST_STEPS + 1)
    return np.arange(begin_ns, max(end_ns, begin_ns + 1), step_ns, dtype=np.int64)


def lag_s(records: PartitionRecords, at_ns: np.ndarray) -> np.ndarray:
    """Seconds of lag at each moment; 0 where everything acknowledged was delivered."""
    rows = np.flatnonzero(records.acknowledged)
    done = records.times["done_ns"][rows]
    delivered = first_read_ns(records)[records.produced_slots[rows]]
    order = np.argsort(done, kind="stable")
    done, delivered = done[order], delivered[order]
    if not len(done):
        return np.zeros(len(at_ns))
    # The oldest undelivered record at t is the first, in the order of acknowledgement, that is
    # delivered after t; the running maximum makes that first one a binary search.
    latest = np.maximum.accumulate(delivered)
    oldest = np.searchsorted(latest, at_ns, side="right")
    there = oldest < len(done)
    since = done[np.minimum(oldest, len(done) - 1)]
    return np.where(there & (since <= at_ns), (at_ns - since) / NS_PER_S, 0.0)


def first_read_ns(records: PartitionRecords) -> np.ndarray:
    """By slot, when a member first processed it, or chose to leave it for later; else ``NEVER_NS``.

    What catching up leaves for later waits for nobody: it is owed, and judged by ``caught-up``.
    """
    first = np.full(len(records.in_every_replica), NEVER_NS, dtype=np.int64)
    _lower(first, records.consumed_slots, records.consumed["read_ns"])
    passed = np.flatnonzero(records.parts["part"] == Part.PASSED)
    parts = {name: column[passed] for name, column in records.parts.items()}
    _lower(first, records.slots(parts["producer"], parts["sequence"]), parts["at_ns"])
    return first


def _lower(first: np.ndarray, slots: np.ndarray, at_ns: np.ndarray) -> None:
    """Keep the earliest moment of each slot."""
    known = slots >= 0
    np.minimum.at(first, slots[known], at_ns[known])
