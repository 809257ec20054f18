"""A producer with a bounded buffer: full is a state that is seen, nothing is dropped silently."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from blueprint.client_settings import Setting
from blueprint.problem import BadInput, Problem
from fleet.buffer import Admission, Buffer, BufferBounds, BufferState, FullPolicy
from fleet.delivery import (
    BufferFull,
    Delivery,
    OnDelivery,
    Outcome,
    ProducerFailed,
    ProducerFigures,
    failure,
    success,
    unsent,
)
from fleet.signals import Signal, SignalKind, Tell, to_stderr
from fleet.spill import Outgoing, Position, SpillJournal

_POLL_S = 0.05
_SYNC_S = 0.2
_PURGE_TIMEOUT_S = 5.0
#: Spilled records that are read and sent in one go before answers are looked at.
_REPLAY_AT_ONCE = 500


#: Is told of a record that was not acknowledged, from the producer's own thread.
OnFailure = Callable[[Message, Delivery], None]
#: As the client calls it.
Answer = Callable[[KafkaError | None, Message], None]


class FleetProducer:
    """Any thread may send; a thread of its own serves the answers and replays what was spilled."""

    def __init__(
        self,
        client: Mapping[str, Setting],
        policy: FullPolicy,
        bounds: BufferBounds | None = None,
        spill: SpillJournal | None = None,
        tell: Tell = to_stderr,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Begin to serve.

        Args:
            client: From the blueprint's ``producer_settings``.
            policy: What becomes of a record for which there is no room.
            bounds: Of what is sent and not acknowledged.
            spill: Where records wait on disk; with ``SPILL`` and only then.
            tell: Hears when the buffer is full and when it flows again.
            on_failure: Hears of each record that was not acknowledged where no ``on_delivery``
                does; it must return soon and not raise.

        Raises:
            BadInput: A spill without the policy, or the policy without a spill.
        """
        if (policy is FullPolicy.SPILL) != (spill is not None):
            given = "none" if spill is None else "one"
            raise BadInput([Problem("spill", given, "a journal with policy spill, and only then")])
        bounds = bounds or BufferBounds()
        self._buffer = Buffer(bounds, policy, spill.pending if spill is not None else 0)
        self._spill, self._tell, self._on_failure = spill, tell, on_failure
        own: dict[str, Setting] = {
            # The bound is ours, so that it is exact and seen; the client's own must not bite first.
            "queue.buffering.max.messages": bounds.records + 1000,
            "queue.buffering.max.kbytes": min(2_097_151, bounds.bytes // 1024 * 2 + 65_536),
        }
        self._client = Producer({**client, **own, "error_cb": self._client_error})
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self._figures = ProducerFigures(BufferState.FLOWING)
        self._delivered = 0
        self._fatal = ""
        self._rewinding = False
        self._replaying = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="producer", daemon=True)
        self._thread.start()

    def send(
        self,
        record: Outgoing,
        on_delivery: OnDelivery | None = None,
        timeout_s: float | None = None,
    ) -> Outcome | None:
        """Take one record; None: it is under way, SPILLED: it is on disk and will be sent in order.

        Args:
            record: What to send.
            on_delivery: Is told what became of it; of a spilled one, that it is on disk.
            timeout_s: How long ``block`` waits for room; None waits as long as it takes.

        Raises:
            BufferFull: There is no room, at once or in time, in memory or on disk.
            ProducerFailed: The client failed for good.
        """
        size, buffer = record.size, self._buffer
        with self._lock:
            if buffer.state is BufferState.FLOWING and not self._fatal and buffer.fits(size):
                admission = Admission.SEND
            else:
                admission = self._admit(size, timeout_s)
            if admission is Admission.SEND:
                buffer.sent(size)
            elif admission is Admission.SPILL:
                self._write_down(record)
            else:
                self._refuse("the buffer is full")
        if admission is Admission.SPILL:
            if on_delivery is not None:
                on_delivery(Delivery(Outcome.SPILLED))
            return Outcome.SPILLED
        plain = on_delivery is None
        self._produce(record, self._acknowledged if plain else self._answer(size, on_delivery))
        return None

    def figures(self) -> ProducerFigures:
        """What it is at."""
        with self._lock:
            buffer, spill = self._buffer, self._spill
            return replace(
                self._figures,
                state=buffer.state,
                in_flight_records=buffer.records,
                in_flight_bytes=buffer.bytes,
                delivered=self._delivered,
                pending_spilled=spill.pending if spill is not None else 0,
                spilled_bytes=spill.size if spill is not None else 0,
            )

    def close(self, deadline_s: float) -> ProducerFigures:
        """Wait for answers, then give up on the rest and count it: ``unknown`` says how many.

        What is on disk stays there for the next process; ``pending_spilled`` says how many.
        """
        deadline = time.monotonic() + deadline_s
        with self._changed:
            while not self._is_idle() and (left_s := deadline - time.monotonic()) > 0:
                self._wait(left_s)
            given_up = self._buffer.records
        self._ended.set()
        self._thread.join()
        if given_up:
            self._client.purge()
            until = time.monotonic() + _PURGE_TIMEOUT_S
            while len(self._client) and time.monotonic() < until:
                self._poll(_POLL_S)
        figures = self.figures()
        # What even a purge brings no answer for is as unknown as the rest.
        figures = replace(figures, unknown=figures.unknown + figures.in_flight_records)
        if self._spill is not None:
            self._spill.close()
        return figures

    def _is_idle(self) -> bool:
        return not self._buffer.records and not (self._spill is not None and self._spill.pending)

    def _wait(self, timeout_s: float | None) -> None:
        self._waiting += 1
        self._changed.wait(timeout_s)
        self._waiting -= 1

    def _admit(self, size: int, timeout_s: float | None) -> Admission:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        began_s = 0.0
        while True:
            if self._fatal:
                raise ProducerFailed(self._fatal)
            before = self._buffer.state
            pending = self._spill.pending if self._spill is not None else 0
            admission = self._buffer.admit(size, pending)
            if before is BufferState.FLOWING and self._buffer.state is not before:
                self._became_full()
            if admission is not Admission.WAIT:
                break
            began_s = began_s or time.monotonic()
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                admission = Admission.SEND if self._buffer.fits(size) else admission
                break
            self._wait(left_s)
        if began_s:
            blocked_s = self._figures.blocked_s + time.monotonic() - began_s
            self._figures = replace(self._figures, blocked_s=blocked_s)
        return admission

    def _write_down(self, record: Outgoing) -> None:
        assert self._spill is not None
        if not self._spill.append(record):
            self._refuse("the spill is full")
        self._figures = replace(self._figures, spilled=self._figures.spilled + 1)

    def _refuse(self, why: str) -> None:
        self._figures = replace(self._figures, shed=self._figures.shed + 1)
        raise BufferFull(f"{why}: {self._buffer.records:,} records are not acknowledged")

    def _became_full(self) -> None:
        self._figures = replace(self._figures, full_count=self._figures.full_count + 1)
        detail = f"{self._buffer.records:,} records, {self._buffer.bytes:,} bytes unacknowledged"
        self._tell(Signal(SignalKind.FULL, detail=f"{detail}; policy {self._buffer.policy}"))

    def _produce(self, record: Outgoing, answer: Answer) -> None:
        topic, value, key, headers = record
        try:
            if headers:
                self._client.produce(topic, value, key, headers=list(headers), on_delivery=answer)
            else:
                self._client.produce(topic, value, key, on_delivery=answer)
        except BufferError:
            # Ours is smaller, so this is not expected; the record was never taken.
            answer(
                KafkaError(KafkaError._INVALID_ARG, "the client's queue is full"), unsent(record)
            )
        except KafkaException as raised:
            answer(raised.args[0], unsent(record))

    def _acknowledged(self, error: KafkaError | None, message: Message) -> None:
        """The answer that nobody waits for; every record goes through it, so it makes nothing."""
        size = len(message) + len(message.key() or b"")
        with self._lock:
            if error is None:
                self._delivered += 1
            else:
                self._count(failure(error))
            self._over(size)
        if error is not None and self._on_failure is not None:
            self._on_failure(message, failure(error))

    def _answer(
        self, size: int, on_delivery: OnDelivery | None, spilled: Position | None = None
    ) -> Answer:
        """The answer of one record that somebody waits for, or that is on disk."""

        def answered(error: KafkaError | None, message: Message) -> None:
            delivery = failure(error) if error is not None else success(message)
            with self._lock:
                if spilled is not None:
                    self._replayed(spilled, delivery)
                else:
                    self._count(delivery)
                self._over(size)
            if on_delivery is not None:
                on_delivery(delivery)
            elif error is not None and self._on_failure is not None:
                self._on_failure(message, delivery)

        return answered

    def _count(self, delivery: Delivery) -> None:
        if delivery.outcome is Outcome.OK:
            self._delivered += 1
            return
        name = delivery.outcome.value
        self._figures = replace(self._figures, **{name: getattr(self._figures, name) + 1})

    def _over(self, size: int) -> None:
        """One record is under way no longer; who waits is woken once there is room for many."""
        pending = self._spill.pending if self._spill is not None else 0
        flows = self._buffer.ended(size, pending)
        if flows:
            self._tell(Signal(SignalKind.FLOWING))
        if self._waiting and (flows or not self._buffer.records):
            self._changed.notify_all()

    def _replayed(self, position: Position, delivery: Delivery) -> None:
        assert self._spill is not None
        self._replaying -= 1
        if delivery.outcome is Outcome.OK:
            self._delivered += 1
            self._spill.acknowledged(position)
        elif delivery.outcome is Outcome.FAILED:
            # No attempt can succeed: it is said, counted, and does not hold up what is behind it.
            self._figures = replace(self._figures, failed=self._figures.failed + 1)
            kind, detail = SignalKind.CLIENT_ERROR, f"a spilled record is refused: {delivery.error}"
            self._tell(Signal(kind, detail=detail))
            self._spill.acknowledged(position)
        else:
            self._rewinding = True

    def _serve(self) -> None:
        synced_s = time.monotonic()
        while not self._ended.is_set():
            replayed = self._spill is not None and self._replay(self._spill)
            self._poll(0 if replayed else _POLL_S)
            if self._spill is not None and time.monotonic() - synced_s >= _SYNC_S:
                synced_s = time.monotonic()
                with self._lock:
                    self._spill.sync()

    def _replay(self, spill: SpillJournal) -> int:
        """Send what is on disk while there is room, in order; returns how many."""
        sent = 0
        while sent < _REPLAY_AT_ONCE and not self._fatal:
            with self._lock:
                if self._rewinding and not self._replaying:
                    spill.rewind()
                    self._rewinding = False
                record = None if self._rewinding else spill.peek()
                if record is None or not self._buffer.fits(record.size):
                    break
                position = spill.take()
                self._buffer.sent(record.size)
                self._replaying += 1
            self._produce(record, self._answer(record.size, None, position))
            sent += 1
        return sent

    def _poll(self, timeout_s: float) -> None:
        try:
            self._client.poll(timeout_s)
        except KafkaException as error:
            self._client_error(error.args[0])

    def _client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = f"{error.name()}: {error.str()}"
            with self._changed:
                self._changed.notify_all()
        self._tell(Signal(SignalKind.CLIENT_ERROR, detail=f"{error.name()}: {error.str()}"))
