"""What becomes of a record that is sent, and what a producer counts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from confluent_kafka import KafkaError, Message

from fleet.buffer import BufferState
from fleet.spill import Outgoing

#: Refused before it was ever enqueued: the only failures that are known to be failures.
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._INVALID_ARG})


class Outcome(StrEnum):
    """What became of a record. ``UNKNOWN`` may be in the log or not."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SPILLED = "spilled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer for one record."""

    outcome: Outcome
    partition: int = -1
    offset: int = -1
    error: str = ""


#: Is told the answer, from the producer's own thread; it must return soon and not raise.
OnDelivery = Callable[[Delivery], None]


class BufferFull(Exception):
    """There is no room: the record is the caller's still."""


class ProducerFailed(Exception):
    """The client failed for good: the record was not taken, and none will be."""


@dataclass(frozen=True, slots=True)
class ProducerFigures:
    """Counts since the start, and what the buffer is at; everything a metric could be made of.

    Attributes:
        in_flight_records: Sent and not answered.
        shed: Records handed back to the caller because the buffer was full.
        pending_spilled: On disk and not acknowledged.
        spilled: Ever written to disk.
        blocked_s: Callers have waited so long in all.
        full_count: How often the buffer became full.
    """

    state: BufferState
    in_flight_records: int = 0
    in_flight_bytes: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    shed: int = 0
    spilled: int = 0
    pending_spilled: int = 0
    spilled_bytes: int = 0
    blocked_s: float = 0.0
    full_count: int = 0


def failure(error: KafkaError) -> Delivery:
    """The answer for a record that was not acknowledged."""
    outcome = Outcome.FAILED if error.code() in _REFUSED else Outcome.UNKNOWN
    return Delivery(outcome, error=f"{error.name()}: {error.str()}")


def success(message: Message) -> Delivery:
    """The answer for a record that was acknowledged."""
    partition, offset = message.partition(), message.offset()
    return Delivery(Outcome.OK, partition or 0, -1 if offset is None else offset)


def unsent(record: Outgoing) -> Message:
    """What the client would name in its answer, had it taken the record."""
    return Message(record.topic, key=record.key, value=record.value)
