"""What cannot be handled goes to a topic of its own, whole, with its cause beside it."""

import threading
from collections.abc import Mapping
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from blueprint.client_settings import Setting
from fleet.lane import Buried
from fleet.record import Headers, Record
from fleet.waiting import Cause

#: Every header that this adds begins so.
PREFIX = "quorate-dead-"
#: A cause is cut to this: headers count against the size that a record may have.
MOST_TEXT_BYTES = 2048
_POLL_S = 0.1


def headers_of(record: Record, cause: Cause, group: str, *, whole: bool = True) -> Headers:
    """The record's own headers, then where it was and why it is here.

    Args:
        record: What could not be handled.
        cause: Why.
        group: Whose handler it was.
        whole: Whether the value is there; what is too large with its headers is left where it was.
    """
    said: dict[str, object] = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp-ms": record.timestamp()[1],
        "group": group,
        "attempts": cause.attempts,
        "error": cause.error,
        "text": cause.text,
        "why": cause.why,
    }
    if not whole:
        said["value"] = f"left out: {len(record)} bytes; read it where it was"
    added: Headers = [(f"{PREFIX}{name}", _text(value)) for name, value in said.items()]
    return [*(record.headers() or ()), *added]


class DeadLetters:
    """The edge: one producer, its answers served by a thread of its own."""

    def __init__(self, topic: str, group: str, settings: Mapping[str, Setting]) -> None:
        """Begin to serve."""
        self._topic, self._group = topic, group
        self._producer = Producer(dict(settings))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dead-letters", daemon=True)
        self._thread.start()

    def bury(self, record: Record, cause: Cause, done: Buried) -> None:
        """Write a dead letter; ``done`` is called once its fate is known, from another thread."""
        self._write(record, cause, done, whole=True)

    def flush(self, deadline_s: float) -> int:
        """Wait for what is under way; returns how many are not known to be written."""
        return self._producer.flush(deadline_s)

    def close(self) -> None:
        """Serve no more answers."""
        self._ended.set()
        self._thread.join(10 * _POLL_S)

    def _write(self, record: Record, cause: Cause, done: Buried, *, whole: bool) -> None:
        def answered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                done(None)
            elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE and whole:
                self._write(record, cause, done, whole=False)
            else:
                done(f"{self._topic}: {error.str()}")

        try:
            self._producer.produce(
                self._topic,
                record.value() if whole else None,
                record.key(),
                headers=headers_of(record, cause, self._group, whole=whole),
                on_delivery=answered,
            )
        except BufferError:
            done(f"{self._topic}: too many dead letters wait to be written")
        except KafkaException as raised:
            error: KafkaError = raised.args[0]
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and whole:
                self._write(record, cause, done, whole=False)
            else:
                done(f"{self._topic}: {error.str()}")
        except (TypeError, ValueError) as raised:
            done(f"{self._topic}: {raised}")

    def _serve(self) -> None:
        while not self._ended.is_set():
            # A fatal error is raised here too; each letter's own answer says what became of it.
            with suppress(KafkaException):
                self._producer.poll(_POLL_S)


def _text(value: object) -> bytes:
    return str(value).encode("utf-8", "backslashreplace")[:MOST_TEXT_BYTES]
