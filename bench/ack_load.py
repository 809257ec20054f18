"""A paced producer that remembers when each partition was last acknowledged."""

import threading
import time
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from blueprint.client_settings import Setting, producer_settings
from blueprint.failover_profile import KAFKA_DEFAULTS, FailoverProfile

_TICK_S = 0.01


@dataclass
class Acks:
    """What one run's acknowledgements came to."""

    last_s: list[float]
    worst_gap_s: list[float]
    first_after_fault_s: list[float | None]
    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0


class AckLoad:
    """Offers ``rate_per_s`` records of 1 KB, round the partitions, from one zone."""

    def __init__(
        self, settings: dict[str, Setting], topic: str, partitions: int, rate: int
    ) -> None:
        self._producer = Producer(settings)
        self._topic, self._partitions, self._rate = topic, partitions, rate
        self._stop = threading.Event()
        self._fault_at_s: float | None = None
        self._injected_at_s = 0.0
        self.acks = Acks([0.0] * partitions, [0.0] * partitions, [None] * partitions)
        self._sent = 0
        self._sent_at: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, timeout_s: float = 30.0) -> None:
        """Begin and wait until every partition has been acknowledged."""
        self._thread.start()
        deadline = time.monotonic() + timeout_s
        while not all(self.acks.last_s):
            if time.monotonic() > deadline:
                raise TimeoutError("not every partition was acknowledged")
            time.sleep(_TICK_S)

    def fault(self) -> None:
        """From now on gaps count."""
        self.acks.worst_gap_s = [0.0] * self._partitions
        self._fault_at_s = self._injected_at_s = time.monotonic()

    def injected(self) -> None:
        """From now on a record that is acknowledged counts as recovery."""
        self._injected_at_s = time.monotonic()
        self.acks.first_after_fault_s = [None] * self._partitions

    def recovered(self, timeout_s: float) -> bool:
        """Wait until each partition has acknowledged a record that was sent after the fault."""
        deadline = time.monotonic() + timeout_s
        while any(first is None for first in self.acks.first_after_fault_s):
            if time.monotonic() > deadline:
                return False
            time.sleep(_TICK_S)
        return True

    def finish(self, timeout_s: float = 130.0) -> Acks:
        """Stop, wait for what is in flight, and return everything."""
        self._stop.set()
        self._thread.join(timeout_s)
        self._producer.flush(timeout_s)
        return self.acks

    def _run(self) -> None:
        began, pad = time.monotonic(), b"x" * 1012
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * self._rate)
            while self._sent < due and not self._stop.is_set():
                try:
                    self._producer.produce(
                        self._topic,
                        self._sent.to_bytes(8) + pad,
                        partition=self._sent % self._partitions,
                        on_delivery=self._delivered,
                    )
                except BufferError:
                    break
                self._sent_at.append(time.monotonic())
                self._sent += 1
            self._producer.poll(_TICK_S)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        number = int.from_bytes((message.value() or b"")[:8])
        if error is not None:
            self.acks.refused += 1
            return
        now, partition, acks = time.monotonic(), message.partition() or 0, self.acks
        acks.acknowledged.add(number)
        gap = now - acks.last_s[partition]
        acks.worst_gap_s[partition] = max(acks.worst_gap_s[partition], gap)
        acks.last_s[partition] = now
        if self._fault_at_s is None or self._sent_at[number] < self._injected_at_s:
            return
        if acks.first_after_fault_s[partition] is None:
            acks.first_after_fault_s[partition] = now - self._fault_at_s


def client(profile: FailoverProfile, bootstrap: str) -> dict[str, Setting]:
    """The profile's producer; librdkafka's own defaults beside Kafka's."""
    if profile is KAFKA_DEFAULTS:
        return {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True}
    return dict(producer_settings(profile, bootstrap)) | {"log_level": 0}


def lost(bootstrap: str, topic: str, partitions: int, acknowledged: set[int]) -> int:
    """How many acknowledged records are not in the topic.

    Raises:
        KafkaException: A partition could not be read.
        TimeoutError: Not all of it was read in time.
    """
    settings: dict[str, Setting] = {
        "bootstrap.servers": bootstrap,
        "group.id": "none",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
    }
    consumer = Consumer(settings)
    ends = {}
    for index in range(partitions):
        low, high = _bounds(consumer, TopicPartition(topic, index))
        if high > low:
            ends[index] = high
    consumer.assign([TopicPartition(topic, index, 0) for index in ends])
    left, deadline = set(acknowledged), time.monotonic() + 60
    while ends:
        for message in consumer.consume(5000, timeout=1):
            error = message.error()
            if error is not None and not error.retriable():
                raise KafkaException(error)
            left.discard(int.from_bytes((message.value() or b"")[:8]))
            partition, offset = message.partition(), message.offset()
            if partition in ends and offset is not None and offset + 1 >= ends[partition]:
                del ends[partition]
        if time.monotonic() > deadline:
            raise TimeoutError(f"partitions {sorted(ends)} of {topic} were not read to their ends")
    consumer.close()
    return len(left)


def _bounds(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """A partition's first and next offset; a fresh client may not know its leader at once."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=20)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            consumer.list_topics(partition.topic, timeout=20)
