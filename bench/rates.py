"""What one partition and one consumer carry on this machine, for ``blueprint plan --measured``.

Three zones and the clients share this machine's cores: a broker of its own carries more. The
records are JSON of which zstd takes off about 70 %, as the practices expect.
"""

import json
import random
import statistics
import time
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.zone import drop_topic, make_topic
from blueprint.client_settings import Goal, producer_settings
from blueprint.demand import Rates
from blueprint.failover_profile import DEFAULT_PROFILE, PROFILES
from blueprint.problem import validated
from lab.cluster import Lab
from lab.config import LabConfig

RESULTS = Path(__file__).parent / "results" / "rates.json"
RECORD_BYTES = 1000
SEED = 7
#: A quarter of a record; as hexadecimal digits it is half of it, and zstd packs two into a byte.
_RANDOM_BYTES = 240
#: What a queue of librdkafka holds by default is left half empty, so that a send never fails.
_MOST_WAITING = 50_000
_READ_TIMEOUT_S = 60.0


def _values(draw: random.Random) -> list[bytes]:
    return [
        json.dumps({"id": draw.randbytes(_RANDOM_BYTES).hex()}).encode().ljust(RECORD_BYTES)
        for _ in range(_MOST_WAITING)
    ]


def produced_per_s(lab: Lab, topic: str, span_s: float) -> float:
    """Acknowledged records per second of one producer on one partition, tuned for throughput."""
    bootstrap = lab.outputs.bootstrap_servers["a"]
    producer = Producer(producer_settings(PROFILES[DEFAULT_PROFILE], bootstrap, Goal.THROUGHPUT))
    values = _values(random.Random(SEED))
    sent, began_s = 0, time.monotonic()
    while time.monotonic() - began_s < span_s:
        while len(producer) > _MOST_WAITING:
            producer.poll(0.01)
        producer.produce(topic, values[sent % len(values)], partition=0)
        sent += 1
    left = producer.flush(_READ_TIMEOUT_S)
    return (sent - left) / (time.monotonic() - began_s)


def consumed_per_s(lab: Lab, topic: str) -> float:
    """Records per second of one consumer that reads the partition from its start to its end.

    Raises:
        TimeoutError: It did not reach the end.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": lab.outputs.bootstrap_servers["a"],
            "group.id": topic,
            "enable.auto.commit": False,
        }
    )
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.assign([TopicPartition(topic, 0, 0)])
        began_s = time.monotonic()
        read = 0
        while read < end:
            read += sum(message.error() is None for message in consumer.consume(1000, 0.5))
            if time.monotonic() - began_s > _READ_TIMEOUT_S:
                raise TimeoutError(f"{read:,} of {end:,} records were read")
        return read / (time.monotonic() - began_s)
    finally:
        consumer.close()


def main(
    runs: Annotated[int, typer.Option(min=1)] = 5,
    span_s: Annotated[float, typer.Option(min=1)] = 10.0,
    out: Path = RESULTS,
) -> None:
    """Measure both several times; the medians are what is written."""
    produced, consumed = [], []
    lab = Lab.up(LabConfig(name="bench-rates", quick_start=False))
    try:
        for run in range(runs):
            topic = f"rates-{run}"
            make_topic(lab, topic, 1)
            produced.append(produced_per_s(lab, topic, span_s))
            consumed.append(consumed_per_s(lab, topic))
            drop_topic(lab, topic)
            print(f"run {run}: {produced[-1]:,.0f} produced/s, {consumed[-1]:,.0f} consumed/s")
    finally:
        lab.down()
    text = json.dumps(
        {
            "partition_events_per_s": round(statistics.median(produced)),
            "consumer_events_per_s": round(statistics.median(consumed)),
        },
        indent=1,
    )
    validated(Rates, text, str(out))
    out.write_text(text + "\n")


if __name__ == "__main__":
    typer.run(main)
