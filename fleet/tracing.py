"""Traces of a few records and of every failure; for all others nothing is built.

The context travels as W3C ``traceparent`` in a record's headers. Who begins a trace decides by
``Sampler``; who finds a context follows it. A failure of a record that nobody chose gets a span
when it happens, linked to whatever context the record had.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import cast

from confluent_kafka import Message
from opentelemetry import context as current
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from blueprint.fleet_options import TracingSettings
from fleet.delivery import Delivery, Outcome
from fleet.keys import is_async
from fleet.once import Once
from fleet.record import AsyncHandler, Handler, Record, SyncHandler, named
from fleet.sampling import Sampler
from fleet.signals import Signal, SignalKind, Tell
from fleet.spill import Outgoing
from fleet.split import Split

#: W3C Trace Context; compared as Kafka has it, in the case that the standard asks for.
TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
#: A collector that does not answer keeps nobody: spans wait in a bounded queue, then are dropped.
_EXPORT_TIMEOUT_S = 2.0
_QUEUE, _BATCH, _EVERY_MS = 2048, 512, 1000.0
_FLUSH_MS = 3000
_MOST_SAID = 300
_PROPAGATOR = TraceContextTextMapPropagator()
_Headers = Iterable[tuple[str, str | bytes | None]]
_Attributes = dict[str, str | int]


class Tracing:
    """The spans of one process."""

    def __init__(
        self,
        settings: TracingSettings,
        service: str,
        tell: Tell,
        exporter: SpanExporter | None = None,
    ) -> None:
        """Begin to export.

        Args:
            settings: Where to, and how many.
            service: The fleet's name among the traces.
            tell: Hears of spans that could not be exported.
            exporter: In place of OTLP over HTTP.
        """
        self._service, self._begins = service, settings.begin_here
        self._chosen = Sampler(settings.ratio).chosen
        self._sent = count()
        _listen(tell)
        exporter = exporter or OTLPSpanExporter(settings.endpoint, timeout=_EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_QUEUE,
                schedule_delay_millis=_EVERY_MS,
                max_export_batch_size=_BATCH,
            )
        )
        self._tracer = self._provider.get_tracer("quorate.fleet")

    def close(self) -> None:
        """Export what waits, within seconds."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()

    def handler(self, handler: Handler) -> Handler:
        """The same handler, with a span around a record that is traced and one for each failure."""
        if isinstance(handler, Split):
            return handler.each(self.handler)
        if isinstance(handler, Once):
            return handler.each(self._plain)
        if is_async(handler):
            return self._later(cast(AsyncHandler, handler))
        return self._plain(handler)

    def begin(self, record: Outgoing) -> tuple[Outgoing, Span] | None:
        """A record about to be sent with its context in its headers, if it is traced; its span."""
        around = current.get_current()
        if not (around and _is_sampled(around)) and (
            not self._chosen(record.key, next(self._sent))
        ):
            return None
        if any(name == TRACEPARENT for name, _ in record.headers):
            return None
        span = self._tracer.start_span(
            f"send {record.topic}", around, SpanKind.PRODUCER, _of("send", record.topic, record.key)
        )
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span, Context()))
        added = tuple((name, text.encode()) for name, text in carrier.items())
        return record._replace(headers=record.headers + added), span

    def not_delivered(self, message: Message, delivery: Delivery) -> None:
        """As ``undelivered``; what a ``FleetProducer`` is to call for records nobody waits for."""
        self.undelivered(message.topic() or "", message.key(), (), delivery)

    def undelivered(
        self, topic: str, key: bytes | str | None, headers: _Headers, delivery: Delivery
    ) -> None:
        """A span for a record that was not traced and not acknowledged."""
        context = _extracted(headers)
        span = self._failure_span("send", _of("send", topic, key), SpanKind.PRODUCER, context)
        end_span(span, delivery)

    def _plain(self, handler: SyncHandler) -> SyncHandler:
        chosen, begins, failed = self._chosen, self._begins, self._failed

        def handle(record: Record) -> object:
            headers = record.headers()
            # What nearly every record goes through: two questions, and nothing is made.
            if headers is None and not (begins and chosen(record.key(), record.offset())):
                try:
                    returned = handler(record)
                except BaseException as error:
                    failed(record, None, error)
                    raise
            else:
                with self._around(record, headers):
                    returned = handler(record)
            if returned is not None:
                wrong = TypeError(f"the handler returned {type(returned).__name__}")
                failed(record, _extracted(headers), wrong)
            return returned

        return handle

    def _later(self, handler: AsyncHandler) -> AsyncHandler:
        chosen, begins, failed = self._chosen, self._begins, self._failed

        async def handle(record: Record) -> object:
            headers = record.headers()
            # What nearly every record goes through: two questions, and nothing is made.
            if headers is None and not (begins and chosen(record.key(), record.offset())):
                try:
                    returned = await handler(record)
                except BaseException as error:
                    failed(record, None, error)
                    raise
            else:
                with self._around(record, headers):
                    returned = await handler(record)
            if returned is not None:
                wrong = TypeError(f"the handler returned {type(returned).__name__}")
                failed(record, _extracted(headers), wrong)
            return returned

        return handle

    @contextmanager
    def _around(self, record: Record, headers: _Headers | None) -> Iterator[None]:
        """A span where the record's context says so, or this is where its trace begins."""
        context = _extracted(headers)
        if context is None:
            # Headers without a context were not decided on yet.
            traced = self._begins and self._chosen(record.key(), record.offset())
        else:
            traced = _is_sampled(context)
        if not traced:
            try:
                yield
            except BaseException as error:
                self._failed(record, context, error)
                raise
            return
        with self._tracer.start_as_current_span(
            f"process {record.topic()}",
            context,
            SpanKind.CONSUMER,
            self._of_record(record),
        ):
            yield

    def _failed(self, record: Record, context: Context | None, error: BaseException) -> None:
        attributes = self._of_record(record)
        span = self._failure_span("process", attributes, SpanKind.CONSUMER, context)
        fail_span(span, error)

    def _failure_span(
        self, what: str, attributes: _Attributes, kind: SpanKind, context: Context | None
    ) -> Span:
        """A trace of its own that began when the failure was seen: before, nobody looked."""
        links = [] if context is None else [Link(get_current_span(context).get_span_context())]
        name = f"{what} {attributes['messaging.destination.name']}"
        said = attributes | {"quorate.sampled": "on error"}
        return self._tracer.start_span(
            name, Context(), kind, said, links, start_time=time.time_ns()
        )

    def _of_record(self, record: Record) -> _Attributes:
        return _of("process", record.topic(), record.key()) | {
            "messaging.consumer.group.name": self._service,
            "messaging.destination.partition.id": str(record.partition()),
            "messaging.kafka.offset": record.offset(),
        }


class _Heard(logging.Handler):
    """What the exporter has to say, as the signals that everything else is."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        detail = f"traces: {record.getMessage()}"[:_MOST_SAID]
        self._tell(Signal(SignalKind.CLIENT_ERROR, detail=detail))


def _listen(tell: Tell) -> None:
    log = logging.getLogger("opentelemetry")
    log.handlers, log.propagate = [_Heard(tell)], False


def _of(operation: str, topic: str, key: bytes | str | None) -> _Attributes:
    said: _Attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }
    return said if key is None else said | {"messaging.kafka.message.key": named(key)}


def _extracted(headers: _Headers | None) -> Context | None:
    """The context that a record carries; None where it carries none, or one that is malformed."""
    carrier: dict[str, str] = {}
    for name, value in headers or ():
        if name in (TRACEPARENT, TRACESTATE) and value is not None:
            carrier[name] = value if isinstance(value, str) else value.decode("ascii", "replace")
    if TRACEPARENT not in carrier:
        return None
    context = _PROPAGATOR.extract(carrier, Context())
    return context if get_current_span(context).get_span_context().is_valid else None


def _is_sampled(context: Context) -> bool:
    return get_current_span(context).get_span_context().trace_flags.sampled


def end_span(span: Span, delivery: Delivery) -> None:
    """End the span of a record that was sent."""
    span.set_attribute("quorate.outcome", delivery.outcome.value)
    if delivery.offset >= 0:
        span.set_attribute("messaging.destination.partition.id", str(delivery.partition))
        span.set_attribute("messaging.kafka.offset", delivery.offset)
    if delivery.outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        span.set_status(Status(StatusCode.ERROR, delivery.error))
    span.end()


def fail_span(span: Span, error: BaseException) -> None:
    """End a span with what was raised."""
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
    span.end()
