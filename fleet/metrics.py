"""Metrics of all records, at no cost to any: figures that are there anyway, read when asked."""

import threading
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fleet.buffer import BufferState
from fleet.delivery import ProducerFigures
from fleet.member import MemberFigures
from fleet.pressure import Flow
from fleet.signals import Signal, SignalKind, Tell

_PREFIX = "quorate_fleet"
_MEMBER: tuple[tuple[str, bool, str, Callable[[MemberFigures], float]], ...] = (
    ("delivered_records", True, "Records read and dealt out", lambda f: f.delivered.records),
    ("delivered_bytes", True, "Bytes of their values", lambda f: f.delivered.bytes),
    ("finished_records", True, "Records no longer in flight", lambda f: f.crew.finished.records),
    ("in_flight_records", False, "Records read and not done", lambda f: f.in_flight.records),
    ("in_flight_bytes", False, "Bytes of values read and not done", lambda f: f.in_flight.bytes),
    ("partitions", False, "Partitions that the member has", lambda f: f.partitions),
    ("paused", False, "1 while it takes no records", lambda f: f.flow is Flow.PAUSED),
    ("handling", False, "Lanes whose handler is at a record", lambda f: f.crew.handling),
    ("waiting_keys", False, "Keys that wait for an attempt", lambda f: f.crew.waiting_keys),
    ("hanging", False, "Handlers too long at one record", lambda f: f.hanging),
    ("stalled_partitions", False, "With work, and not moving", lambda f: f.standing),
    ("retried", True, "Further attempts that were made", lambda f: f.crew.retried),
    ("poisoned", True, "Records that became dead letters", lambda f: f.crew.poisoned),
)
_PRODUCER: tuple[tuple[str, bool, str, Callable[[ProducerFigures], float]], ...] = (
    ("in_flight_records", False, "Sent and not answered", lambda f: f.in_flight_records),
    ("in_flight_bytes", False, "Bytes sent and not answered", lambda f: f.in_flight_bytes),
    ("full", False, "1 while the buffer is full", lambda f: f.state is not BufferState.FLOWING),
    ("full_episodes", True, "How often the buffer became full", lambda f: f.full_count),
    ("delivered_records", True, "Records that are in the log", lambda f: f.delivered),
    ("failed_records", True, "Records known not to be in the log", lambda f: f.failed),
    ("unknown_records", True, "Records that may be in the log", lambda f: f.unknown),
    ("shed_records", True, "Records handed back to the caller", lambda f: f.shed),
    ("spilled_records", True, "Records ever written to disk", lambda f: f.spilled),
    ("pending_spilled_records", False, "Of them not acknowledged", lambda f: f.pending_spilled),
    ("spilled_bytes", False, "Size of the journal on disk", lambda f: f.spilled_bytes),
    ("blocked_seconds", True, "Time that callers have waited", lambda f: f.blocked_s),
)


def _family(name: str, counts: bool, said: str, labels: list[str]) -> Metric:
    family = CounterMetricFamily if counts else GaugeMetricFamily
    return family(name, said, labels=labels)


class SignalCounts(Collector):
    """Every signal by its kind, on its way to whoever hears it."""

    def __init__(self, group: str, tell: Tell) -> None:
        """Count for a group, then pass on to ``tell``."""
        self._group, self._tell = group, tell
        self._lock = threading.Lock()
        # All of them from the beginning: a counter that appears with its first event shows none.
        self._counts = dict.fromkeys(SignalKind, 0)

    def tell(self, signal: Signal) -> None:
        """Count one and pass it on; any thread may."""
        with self._lock:
            self._counts[signal.kind] += 1
        self._tell(signal)

    def collect(self) -> Iterator[Metric]:
        """One counter, by kind."""
        counter = CounterMetricFamily(
            f"{_PREFIX}_signals", "Signals by kind", labels=["group", "kind"]
        )
        for kind, count in self._counts.items():
            counter.add_metric([self._group, kind.value], count)
        yield counter


class MemberCollector(Collector):
    """A member's figures as they stand when Prometheus asks."""

    def __init__(self, group: str, figures: Callable[[], MemberFigures]) -> None:
        """Bind to a member."""
        self._group, self._figures = group, figures

    def collect(self) -> Iterator[Metric]:
        """Every figure of one look."""
        found = self._figures()
        for name, counts, said, value_of in _MEMBER:
            family = _family(f"{_PREFIX}_{name}", counts, said, ["group"])
            family.add_sample(
                family.name + ("_total" if counts else ""),
                {"group": self._group},
                float(value_of(found)),
            )
            yield family
        yield self._lags(found)

    def _lags(self, found: MemberFigures) -> Metric:
        """As `fleet lag` says it of the whole group; who adds up counts each partition once."""
        labels = ["group", "topic", "partition"]
        gauge = GaugeMetricFamily(f"{_PREFIX}_lag_records", "Records behind", labels=labels)
        for partition, lag in found.lags.items():
            gauge.add_metric([self._group, partition.topic, str(partition.number)], lag)
        return gauge


class ProducerCollector(Collector):
    """A producer's figures as they stand when Prometheus asks."""

    def __init__(self, producer: str, figures: Callable[[], ProducerFigures]) -> None:
        """Bind to a producer, by the name that it has among the metrics."""
        self._producer, self._figures = producer, figures

    def collect(self) -> Iterator[Metric]:
        """Every figure of one look."""
        found = self._figures()
        for name, counts, said, value_of in _PRODUCER:
            family = _family(f"quorate_producer_{name}", counts, said, ["producer"])
            family.add_sample(
                family.name + ("_total" if counts else ""),
                {"producer": self._producer},
                float(value_of(found)),
            )
            yield family
