"""Partitions, topics and consumers: how many lanes the events run in."""

from dataclasses import dataclass
from math import ceil

from blueprint.demand import Demand, Rates
from blueprint.plan import HEADROOM, ZONES, Figure, deciding, whole

#: Rule 3: more than 200 per topic hurts elections and rebalances; the largest multiple of three.
MOST_PARTITIONS_PER_TOPIC = 198
#: Rule 1, p99 in ms from which on a way of batching fits, slowest first: linger, codec. The article
#: measured 35 (64 KB, 10 ms, zstd), 25 (64 KB, 5 ms) and 15 (none); 45 adds 10 ms of linger to 35.
_BATCHING = ((45.0, 20, "zstd"), (35.0, 10, "zstd"), (25.0, 5, "lz4"), (0.0, 0, "lz4"))
#: Rule 1: 64 KB is the floor; librdkafka's own default is the ceiling.
_LEAST_BATCH_BYTES, _MOST_BATCH_BYTES = 65_536, 1_000_000


@dataclass(frozen=True, slots=True)
class LanePlan:
    """Figures as in ``Plan``."""

    partitions: Figure[int]
    topics: Figure[int]
    partitions_per_topic: Figure[int]
    threads: Figure[int]
    instances: Figure[int]
    linger_ms: Figure[int]
    batch_bytes: Figure[int]
    compression: Figure[str]


def plan_lanes(demand: Demand, rates: Rates) -> LanePlan:
    """Size partitions and consumers; every instance of a group has a partition to read."""
    threads, instances = _consumers(demand, rates)
    for_load = whole(HEADROOM * demand.planned_events_per_s / rates.partition_events_per_s)
    needed, because = deciding(
        {
            f"peak after growth at {rates.partition_events_per_s:,} events/s each": for_load,
            "a partition for each consumer instance": instances.value,
            "today's partitions: they never shrink": demand.partitions_today,
            "a leader in each zone": ZONES,
        }
    )
    partitions = up_to_multiple(needed, ZONES)
    topics = ceil(partitions / MOST_PARTITIONS_PER_TOPIC)
    # Topics are filled one after the other: shared out among one more, none could keep what it has,
    # and partitions never shrink.
    per_topic = min(partitions, MOST_PARTITIONS_PER_TOPIC)
    why_per_topic = f"a multiple of {ZONES} zones" if topics == 1 else "the last has what is left"
    linger_ms, compression = _batching(demand)
    return LanePlan(
        partitions=Figure(partitions, "partitions", because),
        topics=Figure(topics, "topics", f"at most {MOST_PARTITIONS_PER_TOPIC} partitions each"),
        partitions_per_topic=Figure(per_topic, "partitions", why_per_topic),
        threads=threads,
        instances=instances,
        linger_ms=linger_ms,
        batch_bytes=_batch(demand, linger_ms.value, partitions),
        compression=compression,
    )


def up_to_multiple(number: int, of: int) -> int:
    """The next multiple of ``of`` that is not below ``number``."""
    return -(-number // of) * of


def _consumers(demand: Demand, rates: Rates) -> tuple[Figure[int], Figure[int]]:
    per_thread = 1000 / demand.consumer_ms_per_event
    useful = ceil(rates.consumer_events_per_s / per_thread)
    threads, why_threads = (
        (useful, f"one instance carries {rates.consumer_events_per_s:,} events/s at most")
        if useful <= demand.consumer_threads
        else (demand.consumer_threads, "consumer_threads")
    )
    rate = min(threads * per_thread, float(rates.consumer_events_per_s))
    needed, because = deciding(
        {
            f"peak after growth at {rate:,.0f} events/s each": whole(
                HEADROOM * demand.planned_events_per_s / rate
            ),
            "one in each zone": ZONES,
        }
    )
    instances = up_to_multiple(needed, ZONES)
    return Figure(threads, "threads", why_threads), Figure(instances, "instances", because)


def _batching(demand: Demand) -> tuple[Figure[int], Figure[str]]:
    for from_ms, linger_ms, codec in _BATCHING:
        if demand.latency_ms >= from_ms:
            because = f"latency_ms {demand.latency_ms:g}"
            return Figure(linger_ms, "ms", because), Figure(codec, "codec", because)
    raise AssertionError("the last row fits every latency")


def _batch(demand: Demand, linger_ms: int, partitions: int) -> Figure[int]:
    per_s = demand.planned_events_per_s * demand.mean_event_bytes / partitions
    filled = ceil(per_s * linger_ms / 1000)
    if filled <= _LEAST_BATCH_BYTES:
        return Figure(_LEAST_BATCH_BYTES, "bytes", "the floor; a linger fills less")
    if filled >= _MOST_BATCH_BYTES:
        return Figure(_MOST_BATCH_BYTES, "bytes", "the ceiling; a linger fills more")
    return Figure(filled, "bytes", "what a linger at the peak fills")
