"""A light, steady load while something is done to a cluster, and what became of every record."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from blueprint.client_settings import Setting, producer_settings
from blueprint.failover_profile import PROFILES

_NO_END_YET = KafkaError.OFFSET_NOT_AVAILABLE
_POLL_S = 0.05
#: Enough that every partition sees a record many times within any budget.
RECORDS_PER_S = 100
READ_TIMEOUT_S = 60.0


def _end(consumer: Consumer, at: TopicPartition) -> int:
    """The end of a partition; a leader that was just elected may not know it yet."""
    deadline = time.monotonic() + READ_TIMEOUT_S
    while True:
        try:
            return int(consumer.get_watermark_offsets(at, timeout=10)[1])
        except KafkaException as error:
            if error.args[0].code() != _NO_END_YET or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


@dataclass
class SteadyLoad:
    """Produces with acks=all until it is left; then every acknowledgement is known.

    Attributes:
        bootstrap: Bootstrap servers.
        topic: An existing topic.
        security: What a client adds to its settings.
        profile: Whose client time-outs it has.
    """

    bootstrap: str
    topic: str
    security: Mapping[str, Setting] = field(default_factory=dict)
    profile: str = "balanced"
    acknowledged: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    last_s: dict[int, float] = field(default_factory=dict)
    worst_gap_s: float = 0.0

    def __enter__(self) -> Self:
        """Start, and wait for the first acknowledgement."""
        self._over, self._first = Event(), Event()
        self._thread = Thread(target=self._produce, daemon=True)
        self._thread.start()
        assert self._first.wait(30), "no record was acknowledged"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop and wait for what is in flight."""
        self._over.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def read_back(self) -> Counter[int]:
        """How often each record is in the log, read from its beginning by a new consumer."""
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap,
            "group.id": "read-back",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            **self.security,
        }
        consumer = Consumer(settings)
        try:
            return self._read(consumer)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> Counter[int]:
        partitions = consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions
        left = {}
        for partition in partitions:
            at = TopicPartition(self.topic, partition)
            left[partition] = _end(consumer, at)
        consumer.assign([TopicPartition(self.topic, number, 0) for number in left])
        found: Counter[int] = Counter()
        deadline = time.monotonic() + READ_TIMEOUT_S
        left = {number: end for number, end in left.items() if end > 0}
        while left:
            assert time.monotonic() < deadline, f"not read to the end: {left}"
            for message in consumer.consume(1000, timeout=1):
                assert message.error() is None, message.error()
                value, number, offset = message.value(), message.partition(), message.offset()
                assert value is not None
                assert number is not None
                assert offset is not None
                found[int(value)] += 1
                if number in left and offset + 1 >= left[number]:
                    del left[number]
        return found

    def _produce(self) -> None:
        settings: dict[str, str | int | float | bool] = {
            **producer_settings(PROFILES[self.profile], self.bootstrap),
            **self.security,
        }
        producer = Producer(settings)
        number = 0
        while not self._over.wait(1 / RECORDS_PER_S):
            producer.produce(self.topic, str(number), on_delivery=self._delivered)
            producer.poll(0)
            number += 1
        producer.flush(60)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        value, partition = message.value(), message.partition()
        if error is not None or value is None or partition is None:
            self.failed.append(str(error))
            return
        now = time.monotonic()
        before = self.last_s.get(partition, now)
        self.worst_gap_s = max(self.worst_gap_s, now - before)
        self.last_s[partition] = now
        self.acknowledged.append(int(value))
        self._first.set()
