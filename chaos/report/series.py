"""A run's history as a handful of curves over time, in seconds since the steady state."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chaos.history.lag import lag_s
from chaos.history.read import History
from chaos.history.records import PartitionRecords
from chaos.history.timeline import NS_PER_S, fault_windows, load_span_ns, whole

#: Wide enough for a p99 of hundreds of records, narrow enough to show a second.
BIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Band:
    """A fault on the time axis: struck from ``begin_s`` to ``end_s``, whole at ``whole_s``."""

    id: str
    fault: str
    zone: str
    begin_s: float
    end_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Everything the timeline shows; arrays have one value per bin unless named otherwise.

    Attributes:
        at_s: Middle of each bin.
        p50_ms: Median acknowledgement latency; NaN where nothing was acknowledged.
        p99_ms: The same, 99th percentile.
        acknowledged_per_s: Acknowledgements over all partitions.
        offered_per_s: What was to be sent.
        lag_s: By partition, seconds.
        isr: By partition, (moments, sizes) of its changes.
        replicas: A full ISR.
        in_sync: ``min.insync.replicas``.
    """

    at_s: np.ndarray
    p50_ms: np.ndarray
    p99_ms: np.ndarray
    acknowledged_per_s: np.ndarray
    offered_per_s: float
    lag_s: Mapping[int, np.ndarray]
    isr: Mapping[int, tuple[np.ndarray, np.ndarray]]
    replicas: int
    in_sync: int
    bands: tuple[Band, ...]


def curves(history: History) -> Curves:
    """Read what the timeline shows.

    Raises:
        Damaged: A file cannot be read.
    """
    begin_ns, end_ns = load_span_ns(history)
    bins = max(2, int((end_ns - begin_ns) / (BIN_S * NS_PER_S)))
    edges = begin_ns + (np.arange(bins + 1) * BIN_S * NS_PER_S).astype(np.int64)
    done, took = [], []
    lags: dict[int, np.ndarray] = {}
    for partition in history.partitions:
        records = PartitionRecords(history, partition)
        ok = records.acknowledged
        done.append(records.times["done_ns"][ok])
        took.append((records.times["done_ns"] - records.times["send_ns"])[ok] / 1e6)
        lags[partition] = lag_s(records, edges[1:])
    p50, p99, counts = _latencies(_joined(done), _joined(took), edges)
    plan = history.one("plan") or {}
    return Curves(
        at_s=(edges[:-1] - begin_ns) / NS_PER_S + BIN_S / 2,
        p50_ms=p50,
        p99_ms=p99,
        acknowledged_per_s=counts / BIN_S,
        offered_per_s=float(max(0, whole(plan, "offered_per_s"))),
        lag_s=lags,
        isr=_isr_sizes(history, begin_ns, end_ns),
        replicas=max(1, whole(plan, "replication_factor")),
        in_sync=max(1, whole(plan, "min_insync_replicas")),
        bands=_bands(history, begin_ns),
    )


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _latencies(
    done: np.ndarray, took: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(done, kind="stable")
    done, took = done[order], took[order]
    bounds = np.searchsorted(done, edges)
    p50, p99 = np.full(len(edges) - 1, np.nan), np.full(len(edges) - 1, np.nan)
    for index, (first, last) in enumerate(pairwise(bounds)):
        if last > first:
            p50[index], p99[index] = np.percentile(took[first:last], (50, 99))
    return p50, p99, np.diff(bounds)


def _isr_sizes(
    history: History, begin_ns: int, end_ns: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    changes: dict[int, list[tuple[float, int]]] = {}
    for event in history.of_kind("isr"):
        isr, partition = event.get("isr"), whole(event, "partition")
        if isinstance(isr, list) and whole(event, "t_ns") <= end_ns:
            at_s = max(0.0, (whole(event, "t_ns") - begin_ns) / NS_PER_S)
            changes.setdefault(partition, []).append((at_s, len(isr)))
    last_s = (end_ns - begin_ns) / NS_PER_S
    found = {}
    for partition, steps in sorted(changes.items()):
        steps.append((last_s, steps[-1][1]))
        moments, sizes = zip(*steps, strict=True)
        found[partition] = (np.array(moments), np.array(sizes))
    return found


def _bands(history: History, begin_ns: int) -> tuple[Band, ...]:
    def at(moment_ns: int) -> float:
        return (moment_ns - begin_ns) / NS_PER_S

    return tuple(
        Band(
            window.id,
            window.fault,
            window.zone,
            at(window.inject_ns),
            at(window.heal_ns),
            at(window.whole_ns),
        )
        for window in fault_windows(history)
    )
