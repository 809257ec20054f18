"""What a platform is asked for, in terms of the business; what was measured, not assumed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: Lowest p99 with a measurement behind it: no batching, 16 cores (rule 1 of the practices).
LEAST_LATENCY_MS = 15.0
EventsPerS = Annotated[int, Field(ge=1, le=1_000_000_000)]
#: Of one thread. Below 1 MB/s it is not the thread that was measured, and a plan would have more of
#: them than a machine can run; 100 GB/s is more than any machine's network.
ThreadBytesPerS = Annotated[int, Field(ge=1_000_000, le=100_000_000_000)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class Demand(BaseModel):
    """The inputs of a plan.

    Attributes:
        peak_events_per_s: At the busiest second of today.
        mean_event_bytes: Of one event before compression.
        latency_ms: p99 from a producer to a consumer.
        retention_h: How long events are kept.
        growth_share: What the peak grows by while the plan holds; 0.5 is half as much again.
        mean_load_share: The mean rate over the peak rate; decides storage and monthly traffic.
        compression_saved_share: What compression takes off; 0 promises nothing.
        consumer_ms_per_event: Work of one consumer thread on one event; a microsecond at the least.
        consumer_threads: Most lanes of one consumer instance.
        consumer_groups: Fleets that each read everything.
        partitions_today: Never planned below: partitions can grow and never shrink.
        disk_gib_today: Of each broker; never planned below: volumes can grow and never shrink.
        rack_aware_fetch: Whether consumers read from the replica in their own zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    peak_events_per_s: Annotated[int, Field(ge=1, le=1_000_000_000)]
    mean_event_bytes: Annotated[int, Field(ge=1, le=1_000_000)]
    latency_ms: Annotated[float, Field(ge=LEAST_LATENCY_MS, le=3_600_000, allow_inf_nan=False)]
    retention_h: Annotated[float, Field(ge=0.001, le=87_600, allow_inf_nan=False)] = 24.0
    growth_share: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    mean_load_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    compression_saved_share: Share = 0.0
    consumer_ms_per_event: Annotated[float, Field(ge=0.001, le=60_000, allow_inf_nan=False)] = 0.1
    consumer_threads: Annotated[int, Field(ge=1, le=1024)] = 16
    consumer_groups: Annotated[int, Field(ge=1, le=1000)] = 1
    partitions_today: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    disk_gib_today: Annotated[int, Field(ge=0, le=16_384)] = 0
    rack_aware_fetch: bool = True

    @property
    def planned_events_per_s(self) -> float:
        """The peak after growth."""
        return self.peak_events_per_s * (1 + self.growth_share)

    @property
    def planned_bytes_per_s(self) -> float:
        """The peak after growth as it goes over the wire and onto disk."""
        wire_bytes = self.mean_event_bytes * (1 - self.compression_saved_share)
        return self.planned_events_per_s * wire_bytes


class Rates(BaseModel):
    """What one partition, consumer instance or fetcher carries; replaced by what was measured.

    Attributes:
        partition_events_per_s: The article plans with 10,000 to 30,000; the lower bound.
        consumer_events_per_s: Most of one instance; the article saw 80,000 on 16 cores.
        replica_fetcher_bytes_per_s: Of one fetcher thread. An assumption: measure yours.
        network_thread_bytes_per_s: Of one network thread. An assumption: measure yours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition_events_per_s: EventsPerS = 10_000
    consumer_events_per_s: EventsPerS = 80_000
    replica_fetcher_bytes_per_s: ThreadBytesPerS = 50_000_000
    network_thread_bytes_per_s: ThreadBytesPerS = 100_000_000
