"""What a replication slot holds back, as Prometheus metrics of the last look at it."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fleet.slot_watch import SlotJudgement


class SlotCollector(Collector):
    """A slot as it was judged last; nothing before the first look."""

    def __init__(self, slot: str, judged: Callable[[], SlotJudgement | None]) -> None:
        """Bind to whoever watches the slot."""
        self._slot, self._judged = slot, judged

    def collect(self) -> Iterator[Metric]:
        """Bytes held back, and the limit at which the slot is given up."""
        found = self._judged()
        held = GaugeMetricFamily(
            "quorate_cdc_slot_held_bytes", "Log that may not be removed", labels=["slot"]
        )
        limit = GaugeMetricFamily(
            "quorate_cdc_slot_limit_bytes", "At which the slot is given up", labels=["slot"]
        )
        if found is not None:
            held.add_metric([self._slot], found.reading.held_bytes)
            limit.add_metric([self._slot], found.limit_bytes)
        yield held
        yield limit
