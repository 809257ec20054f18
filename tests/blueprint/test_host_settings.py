"""A host holds what its broker of the plan needs."""

from hypothesis import given
from hypothesis import strategies as st

from blueprint.demand import Demand
from blueprint.host_settings import (
    FILES_PER_SEGMENT,
    LEAST_FILES,
    LEAST_MAPS,
    MAPS_PER_SEGMENT,
    broker_overrides,
    host_settings,
    render_sysctl,
    segments_per_broker,
)
from blueprint.planner import plan


@given(st.integers(1, 5_000_000), st.floats(0.1, 100), st.integers(0, 100_000), st.integers(1, 4))
def test_maps_and_files_hold_every_segment(
    events_per_s: int, retention_h: float, partitions_today: int, groups: int
) -> None:
    """And are never below the floors; a socket may grow to what is under way."""
    made = plan(
        Demand(
            peak_events_per_s=events_per_s,
            mean_event_bytes=300,
            latency_ms=35,
            retention_h=retention_h,
            partitions_today=partitions_today,
            consumer_groups=groups,
        )
    )
    host, segments = host_settings(made), segments_per_broker(made)
    assert int(host.sysctl["vm.max_map_count"]) >= max(LEAST_MAPS, segments * MAPS_PER_SEGMENT)
    assert host.open_files >= max(LEAST_FILES, segments * FILES_PER_SEGMENT)
    assert int(host.sysctl["net.core.rmem_max"]) >= made.socket_buffer_bytes.value
    assert int(host.sysctl["net.core.rmem_max"]) >= 128 << 20


def test_sysctl_is_a_line_for_each_setting() -> None:
    """Sorted, so that a changed plan is a small diff."""
    made = plan(Demand(peak_events_per_s=500_000, mean_event_bytes=1000, latency_ms=35))
    lines = render_sysctl(host_settings(made)).splitlines()
    assert lines == sorted(lines)
    assert "vm.swappiness = 1" in lines


def test_the_brokers_threads_and_buffers_are_the_plans() -> None:
    """By Kafka's own names; the lab boots them (tests/cluster/test_planned.py)."""
    made = plan(Demand(peak_events_per_s=500_000, mean_event_bytes=1000, latency_ms=35))
    overrides = broker_overrides(made)
    assert overrides["num.replica.fetchers"] == str(made.replica_fetchers.value)
    assert overrides["log.retention.ms"] == "86400000"
