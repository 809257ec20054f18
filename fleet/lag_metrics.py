"""Lag as Prometheus metrics: gauges of the last look, and nothing at all when it is an old one."""

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blueprint.problem import BadInput, Problem
from fleet.lag import GroupLag

LOOPBACK = "127.0.0.1"
#: Older than this, a look is no news: a gauge that stands still would hide that nobody looks.
STALE_S = 60.0
#: Of a group: name, what it says, and where it is found.
_GAUGES: tuple[tuple[str, str, Callable[[GroupLag], float | None]], ...] = (
    ("group_lag_records", "Records that the group is behind", lambda g: g.lag_records),
    ("group_lag_seconds", "Wait of the oldest record that is not done", lambda g: g.lag_s),
    (
        "lag_level",
        "0 normal, 1 warning, 2 critical, 3 emergency",
        lambda g: g.level,
    ),
    (
        "lag_deficit_ratio",
        "Part of what arrives that is not kept up with",
        lambda g: g.deficit_ratio,
    ),
    ("lag_deficit", "1 while a deficit lasts, at any level", lambda g: g.deficit),
    (
        "arriving_records_per_second",
        "Records written for the group",
        lambda g: g.arriving_per_s,
    ),
    ("done_records_per_second", "Records committed by the group", lambda g: g.done_per_s),
    ("drain_seconds", "Until the lag is gone at its slope", lambda g: g.drain_s),
    ("instances", "Members that have partitions", lambda g: g.instances),
    (
        "instances_wanted",
        "Members that carry the arriving rate with 30 % of headroom",
        lambda g: g.instances_wanted,
    ),
)


class LagCollector(Collector):
    """What was seen last, as it stands when Prometheus asks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin with no look."""
        self._clock = clock
        self._seen: tuple[GroupLag, ...] = ()
        self._seen_s = float("-inf")
        self._looks = self._failures = 0

    def seen(self, groups: Iterable[GroupLag]) -> None:
        """Keep a look; any thread may ask for it at the same time."""
        self._seen, self._seen_s = tuple(groups), self._clock()
        self._looks += 1

    def failed(self) -> None:
        """Count a look that saw nothing."""
        self._failures += 1

    def collect(self) -> Iterator[Metric]:
        """Every metric of the last look."""
        looks = CounterMetricFamily("quorate_fleet_lag_looks", "Looks at the cluster's lag")
        looks.add_metric([], self._looks)
        failures = CounterMetricFamily("quorate_fleet_lag_look_failures", "Looks that saw nothing")
        failures.add_metric([], self._failures)
        yield looks
        yield failures
        seen = self._seen if self._clock() - self._seen_s <= STALE_S else ()
        for name, said, value_of in _GAUGES:
            gauge = GaugeMetricFamily(f"quorate_fleet_{name}", said, labels=["group"])
            for group in seen:
                if (value := value_of(group)) is not None:
                    gauge.add_metric([group.group], float(value))
            yield gauge
        yield from _of_partitions(seen)


def _of_partitions(seen: Iterable[GroupLag]) -> Iterator[Metric]:
    labels = ["group", "topic", "partition"]
    records = GaugeMetricFamily("quorate_fleet_lag_records", "Records behind", labels=labels)
    said = "Wait of the oldest record that is not done"
    seconds = GaugeMetricFamily("quorate_fleet_lag_seconds", said, labels=labels)
    for group in seen:
        for p in group.partitions:
            where = [group.group, p.topic, str(p.partition)]
            records.add_metric(where, p.lag_records)
            if p.lag_s is not None:
                seconds.add_metric(where, p.lag_s)
    yield records
    yield seconds


def serve(collector: LagCollector, port: int, host: str = LOOPBACK) -> Callable[[], None]:
    """Serve metrics at ``/metrics``; returns what ends it.

    Raises:
        BadInput: The port cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        legal = "a port that is free, on an address of this machine"
        raise BadInput([Problem("metrics", f"{host}:{port}", legal, str(error))]) from None

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(1.0)

    return end
