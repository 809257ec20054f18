"""librdkafka's own brokers, inside this process: the real client against the real protocol."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Message, Producer, TopicPartition


@contextmanager
def mock_brokers(count: int = 1) -> Iterator[str]:
    """Their bootstrap servers; topics have four partitions and are made when first named."""
    host = Producer({"test.mock.num.brokers": count, "log_level": 3})
    brokers = host.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del host


def read_everything(servers: str, topic: str) -> list[Message]:
    """All records of a topic, each partition in its order."""
    reader = Consumer({"bootstrap.servers": servers, "group.id": "reader"})
    found: list[Message] = []
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    ends = {
        p: reader.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions
    }
    reader.assign([TopicPartition(topic, p, 0) for p in partitions])
    empty = 0
    while len(found) < sum(ends.values()) and empty < 50:
        batch = [m for m in reader.consume(1000, 0.2) if m.error() is None]
        found += batch
        empty = 0 if batch else empty + 1
    reader.close()
    return found
