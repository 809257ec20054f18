"""What a poll returns beside records: a log that is damaged, or no longer where the group stood."""

import threading
import time
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from fleet.lane import Bury
from fleet.leases import Leases, Start
from fleet.record import Partition, Record
from fleet.signals import Signal, SignalKind, Tell
from fleet.waiting import Cause

#: A batch whose checksum is wrong may have been damaged on the way: it is read again so often.
READINGS = 3
READ_AGAIN_S = 0.2
LETTER_TIMEOUT_S = 30.0
_ANSWER_S = 10.0
#: What no waiting mends.
_HOPELESS = frozenset(
    {
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


class Oddities:
    """Used by the polling thread alone; it may hold that up for seconds, since nothing is usual."""

    def __init__(self, consumer: Consumer, leases: Leases, bury: Bury, tell: Tell) -> None:
        """Bind to a member's client."""
        self._consumer, self._leases, self._bury, self._tell = consumer, leases, bury, tell
        self._readings: dict[tuple[Partition, int], int] = {}

    def meet(self, message: Message) -> KafkaError | None:
        """Deal with a message that is an error; returns it when the member cannot go on."""
        error = cast(KafkaError, message.error())
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            return None
        if error.fatal() or code in _HOPELESS:
            return error
        topic, number = message.topic(), message.partition()
        partition = None if topic is None or number is None else Partition(topic, number)
        if partition is not None and self._leases.find(partition) is not None:
            if code == KafkaError._AUTO_OFFSET_RESET:
                self._overtaken(partition)
                return None
            if code == KafkaError._BAD_MSG:
                self._corrupt(partition, message.offset(), error.str())
                return None
        detail = f"{error.name()}: {error.str()}"
        self._tell(Signal(SignalKind.CLIENT_ERROR, partition, detail=detail))
        return None

    def _overtaken(self, partition: Partition) -> None:
        """The group's position is not in the log: go on with what is left, and say what is not."""
        lease = self._leases.find(partition)
        assert lease is not None
        at = TopicPartition(partition.topic, partition.number)
        try:
            low, high = self._consumer.get_watermark_offsets(at, timeout=_ANSWER_S)
        except KafkaException as error:
            detail = f"its ends cannot be had: {error.args[0].str()}"
            self._tell(Signal(SignalKind.CLIENT_ERROR, partition, detail=detail))
            low, high = lease.watermark.delivered_end, lease.watermark.delivered_end
        wanted = lease.watermark.delivered_end
        if wanted <= high:
            gone = max(0, low - wanted)
            detail = f"{gone:,} records from {wanted} on were deleted before they were read"
            lease.watermark.skip_to(low)
        else:
            detail = f"the log ends at {high}, before the group's {wanted}: begun anew at {low}"
            self._leases.grant({partition: Start(low)}, time.monotonic())
        self._tell(Signal(SignalKind.OVERTAKEN, partition, wanted, detail=detail))
        self._seek(partition, max(low, wanted) if wanted <= high else low)

    def _corrupt(self, partition: Partition, offset: int | None, said: str) -> None:
        """Read a damaged batch again, and in the end leave it out with a dead letter in its place.

        The client goes on behind it, so the lease ends and a new one begins at what is not done:
        nothing read after the damage can then stand in for what was not read.
        """
        lease = self._leases.find(partition)
        assert lease is not None
        offset = lease.watermark.delivered_end if offset is None or offset < 0 else offset
        readings = self._readings[partition, offset] = (
            self._readings.get((partition, offset), 0) + 1
        )
        detail = f"{said} (reading {readings} of {READINGS})"
        self._tell(Signal(SignalKind.CORRUPT, partition, offset, detail=detail))
        if readings >= READINGS and self._bury_place(partition, offset, said):
            return
        time.sleep(READ_AGAIN_S)
        position = lease.watermark.position()
        position = offset if position is None else position
        done = tuple(lease.watermark.done_above(position))
        self._leases.grant({partition: Start(position, done)}, time.monotonic())
        self._seek(partition, position)

    def _bury_place(self, partition: Partition, offset: int, said: str) -> bool:
        """Write a dead letter for what cannot be read; says whether it is written."""
        place = Message(partition.topic, partition.number, offset, timestamp=(0, 0))
        cause = Cause("Corrupt", said, f"{READINGS} readings failed", 0)
        ended, failures = threading.Event(), list[str | None]()

        def buried(failure: str | None) -> None:
            failures.append(failure)
            ended.set()

        self._bury(cast(Record, place), cause, buried)
        failure = failures[0] if ended.wait(LETTER_TIMEOUT_S) else "no answer in time"
        if failure is None:
            detail = f"{said}; left out, with a dead letter in its place"
            self._tell(Signal(SignalKind.POISONED, partition, offset, detail=detail))
            return True
        self._tell(Signal(SignalKind.DEAD_LETTER_FAILED, partition, offset, detail=failure))
        return False

    def _seek(self, partition: Partition, offset: int) -> None:
        self._consumer.seek(TopicPartition(partition.topic, partition.number, offset))
