"""A producer process: offers records at a rate and writes down what became of every one."""

import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from chaos.history.spool import Spool
from chaos.history.tables import PRODUCED_TABLE, Outcome
from chaos.payload import Encoder
from chaos.workload.acks import Acks
from chaos.workload.spec import Orders, ProducerSpec, read_fields, say

_POLL_S = 0.005
#: Records sent in one go before the acknowledgements are looked at.
_MOST_AT_ONCE = 500
#: Identities of one producer process are this far apart: a fatal error needs a new one.
IDENTITIES = 100
FLUSH_TIMEOUT_S = 60.0
_PURGE_TIMEOUT_S = 5.0
#: Refused before it was ever enqueued: the only failures that are known to be failures.
_REFUSED = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._INVALID_ARG)


class _Identity:
    """One producer identity: its client, its sequences, its counts."""

    def __init__(
        self, spec: ProducerSpec, number: int, on_error: Callable[[KafkaError], None]
    ) -> None:
        self.number = number
        self.client = Producer(
            {**spec.settings, "error_cb": on_error, "log_level": 7, "debug": "eos"}
        )
        self.encoder = Encoder(spec.run, number, spec.record_bytes, spec.seed + number)
        self.sequences = [0] * spec.partitions
        self.began_s = time.monotonic()
        self.sent = self.blocked = self.attempts = self.rows = 0


class Sender:
    """Paces the sends, counts the answers."""

    def __init__(self, spec: ProducerSpec, spool: Spool, orders: Orders) -> None:
        """Prepare the first identity."""
        self._spec, self._spool, self._orders = spec, spool, orders
        self._fatal = False
        self._incarnation = 0
        self._retired: list[_Identity] = []
        self._next_partition = spec.index % spec.partitions
        self._acks = Acks()
        self._me = self._identity()

    def run(self) -> None:
        """Send until told to stop, then wait for what is under way."""
        while not self._orders.stop.is_set():
            if self._fatal:
                self._renew()
            self._send_due()
            self._poll(_POLL_S)
            self._report()
        self._end(0.0 if self._orders.abandoned.is_set() else FLUSH_TIMEOUT_S)

    def _poll(self, timeout_s: float) -> None:
        """Serve answers; a fatal error is raised here and not only told to the callbacks."""
        try:
            self._me.client.poll(timeout_s)
        except KafkaException as error:
            self._on_error(error.args[0])

    def _identity(self) -> _Identity:
        number = self._spec.index + self._incarnation * IDENTITIES
        say("producer-start", producer=number, zone=self._spec.zone)
        return _Identity(self._spec, number, self._on_error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = True
            say("fatal", producer=self._me.number, error=error.name())

    def _renew(self) -> None:
        """A client with a fatal error sends nothing more; what it had in flight is unknown."""
        self._end(0.0)
        self._fatal = False
        self._incarnation += 1
        # Taking down a client that failed for good was seen to take the process with it.
        self._retired.append(self._me)
        self._me = self._identity()

    def _send_due(self) -> None:
        me, most = self._me, _MOST_AT_ONCE
        due = int((time.monotonic() - me.began_s) * self._spec.rate_per_s)
        while me.sent < due and most and not self._fatal:
            self._send(me, self._next_partition)
            self._next_partition = (self._next_partition + 1) % self._spec.partitions
            most -= 1

    def _send(self, me: _Identity, partition: int) -> None:
        sequence = me.sequences[partition]
        me.sequences[partition] += 1
        me.sent += 1
        me.attempts += 1
        value = me.encoder.encode(partition, sequence)
        send_ns = time.monotonic_ns()

        def delivered(error: KafkaError | None, message: Message) -> None:
            done_ns = time.monotonic_ns()
            me.rows += 1
            if error is None:
                offset = _offset(message)
                row = (partition, me.number, sequence, send_ns, done_ns, Outcome.OK, offset, 0)
                self._acks.took_ms.append((done_ns - send_ns) / 1e6)
                highest = self._acks.highest
                highest[partition] = max(highest.get(partition, -1), offset)
            else:
                self._fatal = self._fatal or error.fatal()
                known = Outcome.FAIL if error.code() in _REFUSED else Outcome.UNKNOWN
                code = error.code()
                row = (partition, me.number, sequence, send_ns, done_ns, known, -1, code)
            self._spool.add(row)

        try:
            me.client.produce(self._spec.topic, value, partition=partition, on_delivery=delivered)
        except BufferError:
            me.blocked += 1
            self._refused(me, partition, sequence, send_ns, KafkaError._QUEUE_FULL)
        except KafkaException as error:
            first: Any = error.args[0]
            self._fatal = self._fatal or first.fatal()
            self._refused(me, partition, sequence, send_ns, first.code())

    def _refused(self, me: _Identity, partition: int, sequence: int, at_ns: int, code: int) -> None:
        me.rows += 1
        self._spool.add((partition, me.number, sequence, at_ns, at_ns, Outcome.FAIL, -1, code))

    def _report(self, *, now: bool = False) -> None:
        self._acks.report(self._me.number, self._me.attempts - self._me.rows, now=now)

    def _end(self, flush_s: float) -> None:
        me = self._me
        due = int((time.monotonic() - me.began_s) * self._spec.rate_per_s)
        deadline = time.monotonic() + flush_s
        while len(me.client) and time.monotonic() < deadline:
            if self._orders.abandoned.is_set() or self._fatal:
                break
            self._poll(0.1)
            self._report()
        if len(me.client):
            # Given up on: each gets its row, and nobody knows whether it is in the log.
            me.client.purge()
            deadline = time.monotonic() + _PURGE_TIMEOUT_S
            while len(me.client) and time.monotonic() < deadline:
                self._poll(0.1)
        self._report(now=True)
        self._spool.flush()
        say(
            "producer-exit",
            producer=me.number,
            due=due,
            sent=me.sent,
            blocked=me.blocked,
            attempts=me.attempts,
            rows=me.rows,
        )


def _offset(message: Message) -> int:
    offset = message.offset()
    return -1 if offset is None else offset


def main() -> NoReturn:
    """Run one producer until it is told to stop."""
    spec = ProducerSpec(**read_fields())
    with Spool(spec.history, PRODUCED_TABLE, f"p{spec.index}") as spool:
        sender = Sender(spec, spool, Orders())
        sender.run()
    # Every row is written and the last word is said; nothing is left that a tear-down could do.
    os._exit(0)


if __name__ == "__main__":
    main()
