"""A producer whose records carry their traces; apart, so that one without traces pays nothing."""

from fleet.delivery import Delivery, OnDelivery, Outcome, ProducerFigures
from fleet.producer import FleetProducer
from fleet.spill import Outgoing
from fleet.tracing import Tracing, end_span, fail_span


class TracedProducer:
    """A producer whose records carry their context."""

    def __init__(self, producer: FleetProducer, tracing: Tracing) -> None:
        """Bind both; the producer was made with ``tracing.not_delivered`` for its failures."""
        self._producer, self._tracing, self._begin = producer, tracing, tracing.begin

    def send(
        self,
        record: Outgoing,
        on_delivery: OnDelivery | None = None,
        timeout_s: float | None = None,
    ) -> Outcome | None:
        """As ``FleetProducer.send``.

        Raises:
            BufferFull: There is no room.
            ProducerFailed: The client failed for good.
        """
        begun = self._begin(record)
        if begun is None:
            told = None if on_delivery is None else self._watched(record, on_delivery)
            return self._producer.send(record, told, timeout_s)
        sent, span = begun

        def ended(delivery: Delivery) -> None:
            end_span(span, delivery)
            if on_delivery is not None:
                on_delivery(delivery)

        try:
            return self._producer.send(sent, ended, timeout_s)
        except Exception as error:
            # The record is the caller's still, and nobody else will be told.
            fail_span(span, error)
            raise

    def _watched(self, record: Outgoing, on_delivery: OnDelivery) -> OnDelivery:
        """The answer of a record without a span; it gets one if it is not acknowledged."""

        def ended(delivery: Delivery) -> None:
            if delivery.outcome in (Outcome.FAILED, Outcome.UNKNOWN):
                self._tracing.undelivered(record.topic, record.key, record.headers, delivery)
            on_delivery(delivery)

        return ended

    def figures(self) -> ProducerFigures:
        """As ``FleetProducer.figures``."""
        return self._producer.figures()

    def close(self, deadline_s: float) -> ProducerFigures:
        """As ``FleetProducer.close``."""
        return self._producer.close(deadline_s)
