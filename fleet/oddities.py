"""What a poll returns beside records: a log that is damaged, or no longer where the group stood."""

import threading
import time
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from fleet.damage import Damage
from fleet.group import GroupEdge
from fleet.lane import Bury
from fleet.leases import Lease, Leases, Start
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

    def __init__(
        self, group: GroupEdge, damage: Damage, leases: Leases, bury: Bury, tell: Tell
    ) -> None:
        """Bind to a member's client."""
        self._group, self._damage = group, damage
        self._leases, self._bury, self._tell = leases, bury, tell
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
        lease = None if partition is None else self._leases.find(partition)
        if lease is not None and code in (KafkaError._AUTO_OFFSET_RESET, KafkaError._BAD_MSG):
            if lease.fresh:
                # Of an earlier lease, or of this one: it will be said again if it is so.
                self._group.reposition(lease.partition, lease.watermark.delivered_end)
            else:
                self._meet_log(lease, code, message.offset(), error.str())
            return None
        if partition is not None:
            # Whatever it is, what comes next of it must be what is due.
            self._leases.doubt([partition])
        self._say(SignalKind.CLIENT_ERROR, partition, None, f"{error.name()}: {error.str()}")
        return None

    def _meet_log(self, lease: Lease, code: int, offset: int | None, said: str) -> None:
        if code == KafkaError._AUTO_OFFSET_RESET:
            self._overtaken(lease)
            return
        first = lease.watermark.delivered_end if offset is None or offset < 0 else offset
        self._corrupt(lease, first, said)

    def _overtaken(self, lease: Lease) -> None:
        """The group's position is not in the log: go on with what is left, and say what is not."""
        partition, wanted = lease.partition, lease.watermark.delivered_end
        at = TopicPartition(partition.topic, partition.number)
        try:
            low, high = self._group.consumer.get_watermark_offsets(at, timeout=_ANSWER_S)
        except KafkaException as error:
            detail = f"its ends cannot be had: {error.args[0].str()}"
            self._say(SignalKind.CLIENT_ERROR, partition, wanted, detail)
            # Asked for again, it is refused again, and the ends are asked for again.
            self._group.reposition(partition, wanted)
            return
        if wanted <= high:
            detail = f"{max(0, low - wanted):,} records were deleted before they were read"
            lease.watermark.skip_to(low)
            begin = max(low, wanted)
        else:
            detail = f"the log ends at {high}, before the group's {wanted}: begun anew at {low}"
            self._leases.grant({partition: Start(low)}, time.monotonic())
            begin = low
        self._say(SignalKind.OVERTAKEN, partition, wanted, detail)
        self._group.reposition(partition, begin)

    def _corrupt(self, lease: Lease, first: int, said: str) -> None:
        """Read a damaged batch again, and in the end leave it out with a dead letter in its place.

        Until then the lease insists on it: should the client go on behind it, nothing read there
        may stand in for what was not read.
        """
        partition, watermark = lease.partition, lease.watermark
        if first < watermark.delivered_end:
            # Left out already, or read whole another time.
            self._group.reposition(partition, watermark.delivered_end)
            return
        readings = self._readings[partition, first] = self._readings.get((partition, first), 0) + 1
        detail = f"{said} (reading {readings}, of {READINGS} before it is left out)"
        self._say(SignalKind.CORRUPT, partition, first, detail)
        # What is before it was handed out; between that and it there is nothing.
        watermark.skip_to(first)
        end = self._leave_out(partition, first, said) if readings >= READINGS else first
        watermark.skip_to(end)
        self._leases.doubt([partition])
        if end == first:
            lease.insists = True
            time.sleep(READ_AGAIN_S)
        self._group.reposition(partition, end)

    def _leave_out(self, partition: Partition, first: int, said: str) -> int:
        """Write a dead letter for a batch; returns where it ends, or ``first`` if it has none."""
        try:
            end = self._damage.end_of(partition, first)
        except (TimeoutError, KafkaException) as error:
            self._say(SignalKind.CLIENT_ERROR, partition, first, str(error))
            return first
        place = Message(partition.topic, partition.number, first, timestamp=(0, 0))
        why = f"{READINGS} readings failed; left out are offsets {first} to {end - 1}"
        failure = self._bury_now(cast(Record, place), Cause("Corrupt", said, why, 0))
        if failure is not None:
            self._say(SignalKind.DEAD_LETTER_FAILED, partition, first, failure)
            return first
        self._say(SignalKind.POISONED, partition, first, f"{said}; {why}")
        return end

    def _bury_now(self, place: Record, cause: Cause) -> str | None:
        ended, failures = threading.Event(), list[str | None]()

        def buried(failure: str | None) -> None:
            failures.append(failure)
            ended.set()

        self._bury(place, cause, buried)
        return failures[0] if ended.wait(LETTER_TIMEOUT_S) else "no answer in time"

    def _say(
        self, kind: SignalKind, partition: Partition | None, offset: int | None, detail: str
    ) -> None:
        self._tell(Signal(kind, partition, offset, detail=detail))
