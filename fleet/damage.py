"""Where a damaged batch ends: the client says only where it begins.

A broker answers with the batch that an offset is in, so whether an offset is in the damaged one is
found by reading from there. Nobody else is asked: this consumer is in no group and commits nothing.
"""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from blueprint.client_settings import Setting
from fleet.record import Partition

_ANSWER_S = 10.0
_POLL_S = 0.2


def first_beyond(first: int, inside: Callable[[int], bool]) -> int:
    """The first offset that is not inside, where ``first`` is and all beyond the first are not."""
    low, step = first, 1
    while inside(low + step):
        low, step = low + step, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if inside(middle) else (low, middle)
    return high


class Damage:
    """Reads around a damaged batch."""

    def __init__(self, client: Mapping[str, Setting]) -> None:
        """Take a member's settings; what makes it a member is left out."""
        left_out = ("group.instance.id", "group.protocol", "partition.assignment.strategy")
        own = {name: value for name, value in client.items() if name not in left_out}
        for name in ("session.timeout.ms", "heartbeat.interval.ms"):
            own.pop(name, None)
        self._client = own | {"enable.partition.eof": True, "auto.offset.reset": "error"}

    def end_of(self, partition: Partition, first: int) -> int:
        """The offset behind the damaged batch that begins at ``first``.

        Raises:
            TimeoutError: The broker did not answer in time.
        """
        return first_beyond(first, lambda offset: self._inside(partition, first, offset))

    def _inside(self, partition: Partition, first: int, offset: int) -> bool:
        # Each offset is asked for by a client of its own. librdkafka 2.16 goes on behind a damaged
        # batch at the wrong byte, takes what is there for an offset, and has that reset: what one
        # question left behind so would be taken for the answer to the next.
        reader = Consumer(dict(self._client))
        try:
            return _answered_by_damage(reader, partition, first, offset)
        finally:
            reader.close()


def _answered_by_damage(reader: Consumer, partition: Partition, first: int, offset: int) -> bool:
    reader.assign([TopicPartition(partition.topic, partition.number, offset)])
    deadline_s = time.monotonic() + _ANSWER_S
    while time.monotonic() < deadline_s:
        for message in reader.consume(1, _POLL_S):
            error = message.error()
            if error is not None and error.code() == KafkaError._BAD_MSG:
                # Another damaged batch is not this one.
                return message.offset() == first
            known = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)
            if error is None or error.code() in known:
                return False
    raise TimeoutError(f"{partition} at {offset}: no answer in {_ANSWER_S:g} s")
