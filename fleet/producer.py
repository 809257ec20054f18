"""A producer with a bounded buffer: full is a state that is seen, nothing is dropped silently."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

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
)
from fleet.signals import Signal, SignalKind, Tell, to_stderr
from fleet.spill import Outgoing, Position, SpillJournal

_POLL_S = 0.05
_SYNC_S = 0.2
_PURGE_TIMEOUT_S = 5.0
#: Spilled records that are read and sent in one go before answers are looked at.
_REPLAY_AT_ONCE = 500


class FleetProducer:
    """Any thread may send; a thread of its own serves the answers and replays what was spilled."""

    def __init__(
        self,
        client: Mapping[str, Setting],
        policy: FullPolicy,
        bounds: BufferBounds | None = None,
        spill: SpillJournal | None = None,
        tell: Tell = to_stderr,
    ) -> None:
        """Begin to serve.

        Args:
            client: From the blueprint's ``producer_settings``.
            policy: What becomes of a record for which there is no room.
            bounds: Of what is sent and not acknowledged.
            spill: Where records wait on disk; with ``SPILL`` and only then.
            tell: Hears when the buffer is full and when it flows again.

        Raises:
            BadInput: A spill without the policy, or the policy without a spill.
        """
        if (policy is FullPolicy.SPILL) != (spill is not None):
            given = "none" if spill is None else "one"
            raise BadInput([Problem("spill", given, "a journal with policy spill, and only then")])
        bounds = bounds or BufferBounds()
        self._buffer, self._spill, self._tell = Buffer(bounds, policy), spill, tell
        own: dict[str, Setting] = {
            # The bound is ours, so that it is exact and seen; the client's own must not bite first.
            "queue.buffering.max.messages": bounds.records + 1000,
            "queue.buffering.max.kbytes": min(2_097_151, bounds.bytes // 1024 * 2 + 65_536),
        }
        self._client = Producer({**client, **own, "error_cb": self._client_error})
        self._changed = threading.Condition()
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
        with self._changed:
            admission = self._admit(record, timeout_s)
            if admission is Admission.SPILL:
                self._write_down(record)
            elif admission is Admission.SEND:
                self._buffer.sent(record.size)
            else:
                self._refuse("the buffer is full")
        if admission is Admission.SPILL:
            if on_delivery is not None:
                on_delivery(Delivery(Outcome.SPILLED))
            return Outcome.SPILLED
        self._produce(record, on_delivery, None)
        return None

    def figures(self) -> ProducerFigures:
        """What it is at."""
        with self._changed:
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
            self._changed.wait_for(self._is_idle, max(0.0, deadline - time.monotonic()))
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

    def _admit(self, record: Outgoing, timeout_s: float | None) -> Admission:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        began_s = 0.0
        while True:
            if self._fatal:
                raise ProducerFailed(self._fatal)
            before = self._buffer.state
            pending = self._spill.pending if self._spill is not None else 0
            admission = self._buffer.admit(record.size, pending)
            if before is BufferState.FLOWING and self._buffer.state is not before:
                self._became_full()
            if admission is not Admission.WAIT:
                break
            began_s = began_s or time.monotonic()
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            self._changed.wait(left_s)
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

    def _produce(
        self, record: Outgoing, on_delivery: OnDelivery | None, spilled: Position | None
    ) -> None:
        size = record.size

        def answered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                at = message.partition(), message.offset()
                delivery = Delivery(Outcome.OK, at[0] or 0, -1 if at[1] is None else at[1])
            else:
                delivery = failure(error)
            self._over(size, delivery, on_delivery, spilled)

        try:
            self._client.produce(
                record.topic,
                record.value,
                record.key,
                headers=record.header_list(),
                on_delivery=answered,
            )
        except BufferError:
            # Ours is smaller, so this is not expected; the record was never taken.
            full = Delivery(Outcome.FAILED, error="the client's queue is full")
            self._over(size, full, on_delivery, spilled)
        except KafkaException as raised:
            self._over(size, failure(raised.args[0]), on_delivery, spilled)

    def _over(
        self,
        size: int,
        delivery: Delivery,
        on_delivery: OnDelivery | None,
        spilled: Position | None,
    ) -> None:
        """One record is under way no longer."""
        with self._changed:
            if spilled is not None:
                self._replayed(spilled, delivery)
            elif delivery.outcome is Outcome.OK:
                self._delivered += 1
            else:
                name = delivery.outcome.value
                more = getattr(self._figures, name) + 1
                self._figures = replace(self._figures, **{name: more})
            pending = self._spill.pending if self._spill is not None else 0
            if self._buffer.ended(size, pending):
                self._tell(Signal(SignalKind.FLOWING))
            self._changed.notify_all()
        if on_delivery is not None:
            on_delivery(delivery)

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
                with self._changed:
                    self._spill.sync()

    def _replay(self, spill: SpillJournal) -> int:
        """Send what is on disk while there is room, in order; returns how many."""
        sent = 0
        while sent < _REPLAY_AT_ONCE and not self._fatal:
            with self._changed:
                if self._rewinding and not self._replaying:
                    spill.rewind()
                    self._rewinding = False
                record = None if self._rewinding else spill.peek()
                if record is None or not self._buffer.fits(record.size):
                    break
                position = spill.take()
                self._buffer.sent(record.size)
                self._replaying += 1
            self._produce(record, None, position)
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


def open_spill(folder: Path, most_bytes: int, tell: Tell = to_stderr) -> SpillJournal:
    """A journal for ``FleetProducer``; says what an earlier process left.

    Raises:
        BadInput: The folder cannot be written.
    """
    journal = SpillJournal(folder, most_bytes)
    if journal.pending or journal.torn:
        detail = (
            f"{journal.pending:,} records of before are sent first; {journal.torn:,} bytes torn"
        )
        tell(Signal(SignalKind.FULL, detail=detail))
    return journal
