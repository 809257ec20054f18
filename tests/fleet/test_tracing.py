"""Traces: decided before anything is built, carried through Kafka, and one of every failure."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from blueprint.client_settings import Setting
from blueprint.fleet_options import TracingSettings
from fleet.buffer import BufferBounds, FullPolicy
from fleet.dedup import DedupSettings
from fleet.delivery import BufferFull, Delivery
from fleet.once import Once
from fleet.producer import FleetProducer
from fleet.record import AsyncHandler, Record, SyncHandler
from fleet.remembering import claims_of, open_memory
from fleet.sampling import Sampler
from fleet.settings import fleet_settings
from fleet.signals import Signal, unheard
from fleet.spill import Outgoing
from fleet.split import Split
from fleet.traced_producer import TracedProducer
from fleet.tracing import Tracing
from tests.fleet.mock_cluster import mock_brokers, read_everything

COUNT = 20_000
Headers = list[tuple[str, str | bytes | None]]
#: Of version 00, sampled; and the same not sampled.
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


@dataclass
class Traced:
    """A process's traces and what they came to."""

    tracing: Tracing
    exporter: InMemorySpanExporter
    said: list[Signal] = field(default_factory=list)

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Everything that was exported."""
        self.tracing._provider.force_flush()
        return self.exporter.get_finished_spans()


def traced(ratio: float = 0.0, *, begin_here: bool = True) -> Traced:
    """Traces of this part; the settings' own bounds are those of a fleet."""
    settings = TracingSettings.model_construct(
        endpoint="http://127.0.0.1:1", ratio=ratio, begin_here=begin_here
    )
    exporter = InMemorySpanExporter()
    return Traced(Tracing(settings, "billing", unheard, exporter), exporter)


def record(offset: int = 7, headers: Headers | None = None) -> Record:
    """A record as the client makes one."""
    made = Message(
        "orders", value=b"v", key=b"k", partition=1, offset=offset, headers=headers, error=None
    )
    return cast(Record, made)


@given(st.binary(max_size=20) | st.none(), st.integers(0, 1 << 62), st.floats(0.001, 0.01))
def test_the_ratio_is_right_in_any_stretch_of_any_key(
    key: bytes | None, first: int, ratio: float
) -> None:
    """Of the records of one key, and alike for each who asks; a larger ratio only adds."""
    sampler, again, more = Sampler(ratio), Sampler(ratio), Sampler(2 * ratio)
    chosen = {n for n in range(first, first + COUNT) if sampler.chosen(key, n)}
    expected = COUNT * ratio
    assert abs(len(chosen) - expected) < 6 * expected**0.5
    assert all(again.chosen(key, n) and more.chosen(key, n) for n in chosen)


@given(st.binary(max_size=12), st.integers(0, 1 << 40))
def test_the_ratio_is_right_over_many_keys(prefix: bytes, offset: int) -> None:
    """Of one record of each; none is chosen with 0 and all are with 1."""
    keys = [prefix + str(n).encode() for n in range(COUNT // 4)]
    chosen = sum(Sampler(0.1).chosen(key, offset) for key in keys)
    expected = len(keys) / 10
    assert abs(chosen - expected) < 6 * expected**0.5
    assert not any(Sampler(0).chosen(key, offset) for key in keys)
    assert all(Sampler(1).chosen(key, offset) for key in keys)


def test_a_record_that_is_not_chosen_is_left_as_it_is() -> None:
    """Not even its tuple is made anew, and the handler is in nobody's trace."""
    seen, quiet = [], traced(0.0)
    sent = Outgoing("orders", b"v", b"k")
    assert quiet.tracing.begin(sent) is None

    def handle(_: Record) -> None:
        seen.append(get_current_span().get_span_context().is_valid)

    quiet.tracing.handler(handle)(record())
    assert seen == [False]
    assert quiet.spans() == ()


def test_both_parts_of_a_split_are_traced_and_it_stays_one() -> None:
    """What catching up tells apart by its kind is not hidden by what is around its parts."""
    always = traced(1.0)
    split = always.tracing.handler(Split(essential=lambda _: None, rest=lambda _: None))
    assert isinstance(split, Split)
    split(record())
    assert len(always.spans()) == 2


def test_a_handler_that_is_given_a_transaction_is_traced_where_it_is_called(tmp_path: Path) -> None:
    """Once for a record; none for one that was applied before."""
    always = traced(1.0)
    where = DedupSettings(database=f"sqlite:{tmp_path}/memory")
    memory = open_memory(where, "billing", {"orders": "an-id"})
    once = Once(lambda _record, _tx: None, memory, claims_of(where, None, None))
    try:
        handler = always.tracing.handler(once)
        assert isinstance(handler, Once)
        handler(record())
        handler(record())
    finally:
        memory.close()
    assert len(always.spans()) == 1


@pytest.mark.parametrize("later", [False, True])
def test_every_failure_has_a_span_whatever_was_decided(later: bool) -> None:
    """Linked to what the record carried; what a handler must not return is a failure too."""
    quiet = traced(0.0)
    call = _handler(quiet.tracing, later)
    with pytest.raises(ValueError, match="no such order"):
        call(record(7))
    with pytest.raises(ValueError, match="no such order"):
        call(record(8, [("traceparent", UNSAMPLED.encode())]))
    assert call(record(9)) == 9
    plain, linked, wrong = quiet.spans()
    for span in (plain, linked, wrong):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["quorate.sampled"] == "on error"
    assert plain.attributes is not None
    assert plain.attributes["messaging.kafka.offset"] == 7
    assert plain.links == ()
    assert plain.events[0].name == "exception"
    assert [f"{link.context.trace_id:032x}" for link in linked.links] == [TRACE]
    assert "returned int" in (wrong.status.description or "")


def _handler(tracing: Tracing, later: bool) -> SyncHandler:
    def handle(given: Record) -> object:
        if given.offset() == 9:
            return 9
        raise ValueError("no such order")

    async def handle_later(given: Record) -> object:
        return handle(given)

    if not later:
        return tracing.handler(handle)
    call = cast(AsyncHandler, tracing.handler(handle_later))
    assert asyncio.iscoroutinefunction(call)

    async def awaited(given: Record) -> object:
        return await call(given)

    return lambda given: asyncio.run(awaited(given))


def test_a_context_that_is_there_is_followed() -> None:
    """Sampled: a child of it, whatever is chosen here; not sampled: nothing; malformed: none."""
    quiet = traced(0.0)
    call = quiet.tracing.handler(lambda _: None)
    call(record(1, [("other", b"x"), ("traceparent", SAMPLED.encode())]))
    call(record(2, [("traceparent", UNSAMPLED.encode())]))
    call(record(3, [("traceparent", b"00-nonsense")]))
    (span,) = quiet.spans()
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert span.kind is SpanKind.CONSUMER


def test_where_every_producer_traces_nothing_begins_here() -> None:
    """What it left out is left out."""
    follows = traced(1.0, begin_here=False)
    follows.tracing.handler(lambda _: None)(record())
    assert follows.spans() == ()


@pytest.fixture
def servers() -> Iterator[str]:
    """Brokers inside this process."""
    with mock_brokers() as found:
        yield found


def test_a_trace_goes_through_kafka_and_through_a_handler_that_sends(servers: str) -> None:
    """From a producer by its headers to a handler, and on to what that sends."""
    whole, onward = traced(1.0), traced(0.0)
    first = _producer(whole, servers)
    second = _producer(onward, servers)
    first.send(Outgoing("t", b"v", b"k", (("mine", b"x"),)))
    assert first.close(10).delivered == 1
    (found,) = read_everything(servers, "t")

    def handle(given: Record) -> None:
        second.send(Outgoing("u", given.value(), given.key()))

    onward.tracing.handler(handle)(cast(Record, found))
    assert second.close(10).delivered == 1
    (further,) = read_everything(servers, "u")
    (sent,) = whole.spans()
    by_name = {span.name: span for span in onward.spans()}
    processed, resent = by_name["process t"], by_name["send u"]
    assert sent.context is not None
    assert processed.context is not None
    assert processed.parent is not None
    assert resent.parent is not None
    assert processed.parent.span_id == sent.context.span_id
    assert resent.parent.span_id == processed.context.span_id
    headers = dict(cast(list[tuple[str, bytes]], further.headers()))
    assert headers["traceparent"].decode().split("-")[1] == f"{sent.context.trace_id:032x}"
    assert dict(cast(list[tuple[str, bytes]], found.headers()))["mine"] == b"x"
    assert sent.attributes is not None
    assert sent.attributes["quorate.outcome"] == "ok"


def _producer(of: Traced, servers: str) -> TracedProducer:
    settings: dict[str, Setting] = {"bootstrap.servers": servers, "log_level": 0}
    producer = FleetProducer(
        settings, FullPolicy.SHED, BufferBounds(1, 1 << 20), on_failure=of.tracing.not_delivered
    )
    return TracedProducer(producer, of.tracing)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("waited_for", [False, True])
def test_what_is_not_delivered_has_one_span(ratio: float, waited_for: bool) -> None:
    """Chosen or not, waited for or not; what was refused for a full buffer is its caller's."""
    some, told = traced(ratio), list[Delivery]()
    producer = _producer(some, "127.0.0.1:1")
    producer.send(Outgoing("t", b"v", b"k"), told.append if waited_for else None)
    with pytest.raises(BufferFull):
        producer.send(Outgoing("t", b"v", b"k"))
    assert producer.close(0.1).unknown == 1
    assert len(told) == waited_for
    errors = [span for span in some.spans() if "quorate.outcome" in (span.attributes or {})]
    assert [span.status.status_code for span in errors] == [StatusCode.ERROR]
    assert (errors[0].attributes or {})["quorate.outcome"] == "unknown"
    assert len(some.spans()) == (2 if ratio else 1)


def test_otlp_goes_where_the_settings_say() -> None:
    """As protobuf over HTTP; a collector that is not there is said and keeps nobody."""
    taken: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    fields = {"topics": ("t",), "group": "g"}
    endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    settings = fleet_settings(fields | {"traces": {"endpoint": endpoint, "ratio": 0.01}}).traces
    assert settings is not None
    tracing = Tracing(settings, "billing", unheard)
    with pytest.raises(ValueError, match="no such order"):
        _handler(tracing, False)(record())
    tracing.close()
    server.shutdown()
    server.server_close()
    request = ExportTraceServiceRequest.FromString(taken[0])
    (resource,) = request.resource_spans
    assert resource.scope_spans[0].spans[0].name == "process orders"
    said: list[Signal] = []
    tracing = Tracing(settings, "billing", said.append)
    with pytest.raises(ValueError, match="no such order"):
        _handler(tracing, False)(record())
    tracing.close()
    assert any("traces: " in signal.detail for signal in said)
