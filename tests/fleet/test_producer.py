"""A full buffer is seen, and every record ends as delivered, the caller's, on disk, or unknown."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message

from blueprint.client_settings import Setting
from blueprint.problem import BadInput
from fleet.buffer import BufferBounds, BufferState, FullPolicy
from fleet.delivery import BufferFull, Delivery, Outcome
from fleet.producer import FleetProducer
from fleet.signals import Signal, SignalKind, unheard
from fleet.spill import Outgoing, SpillJournal
from tests.fleet.mock_cluster import mock_brokers, read_everything

BOUNDS = BufferBounds(records=20, bytes=1 << 20)
#: Nobody listens here: what is sent stays under way.
NOWHERE: dict[str, Setting] = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


@pytest.fixture
def servers() -> Iterator[str]:
    """Brokers inside this process."""
    with mock_brokers() as found:
        yield found


def slow(servers: str) -> dict[str, Setting]:
    """A client that gathers records for a while, so that a small buffer fills up."""
    return {"bootstrap.servers": servers, "linger.ms": 200, "enable.idempotence": True}


def record(number: int, keys: int = 5) -> Outgoing:
    """Its value says its place within its key."""
    return Outgoing("t", f"{number // keys}".encode(), f"k{number % keys}".encode())


def assert_order_per_key(found: list[Message], count: int, keys: int = 5) -> None:
    """Everything is there, each key's records in the order in which they were sent."""
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for message in found:
        seen[message.key()].append(int(message.value() or b""))
    expected = {f"k{k}".encode(): list(range((count - k + keys - 1) // keys)) for k in range(keys)}
    assert seen == expected


def test_block_waits_for_room_and_says_how_long(servers: str) -> None:
    """Nothing is refused, the wait is counted, the state is seen and ends."""
    said: list[Signal] = []
    producer = FleetProducer(slow(servers), FullPolicy.BLOCK, BOUNDS, tell=said.append)
    answers: Counter[Outcome] = Counter()

    def on_delivery(delivery: Delivery) -> None:
        answers[delivery.outcome] += 1

    for number in range(100):
        assert producer.send(record(number), on_delivery) is None
        assert producer.figures().in_flight_records <= BOUNDS.records
    figures = producer.close(10)
    assert answers == {Outcome.OK: 100}
    assert (figures.delivered, figures.unknown, figures.shed) == (100, 0, 0)
    assert figures.blocked_s > 0.2
    assert figures.full_count >= 1
    assert figures.state is BufferState.FLOWING
    assert {s.kind for s in said} == {SignalKind.FULL, SignalKind.FLOWING}
    assert_order_per_key(read_everything(servers, "t"), 100)


def test_block_gives_up_in_time() -> None:
    """And the record is the caller's still."""
    producer = FleetProducer(NOWHERE, FullPolicy.BLOCK, BOUNDS, tell=unheard)
    for number in range(BOUNDS.records):
        producer.send(record(number))
    began_s = time.monotonic()
    with pytest.raises(BufferFull, match="20 records are not acknowledged"):
        producer.send(record(99), timeout_s=0.2)
    assert 0.15 < time.monotonic() - began_s < 5
    assert producer.figures().state is BufferState.FULL
    assert producer.close(0.0).unknown == BOUNDS.records


def test_shed_hands_the_record_back_at_once(servers: str) -> None:
    """Counted as shed, and nothing else becomes of it."""
    producer = FleetProducer(slow(servers), FullPolicy.SHED, BOUNDS, tell=unheard)
    taken = shed = 0
    for number in range(60):
        try:
            producer.send(record(number))
            taken += 1
        except BufferFull:
            shed += 1
    figures = producer.close(10)
    assert (figures.delivered, figures.shed) == (taken, shed)
    assert taken + shed == 60
    assert shed > 0
    assert len(read_everything(servers, "t")) == taken


def test_spill_keeps_everything_in_order_per_key(servers: str, tmp_path: Path) -> None:
    """What came while the buffer was full is sent before anything newer."""
    journal = SpillJournal(tmp_path, 1 << 20)
    producer = FleetProducer(slow(servers), FullPolicy.SPILL, BOUNDS, journal, unheard)
    ways = Counter(producer.send(record(number)) for number in range(500))
    assert ways[Outcome.SPILLED] > 0
    assert producer.figures().state is BufferState.SPILLING
    figures = producer.close(30)
    assert (figures.delivered, figures.pending_spilled, figures.unknown) == (500, 0, 0)
    assert figures.spilled == ways[Outcome.SPILLED]
    assert figures.state is BufferState.FLOWING
    assert_order_per_key(read_everything(servers, "t"), 500)


def test_what_was_spilled_is_sent_by_the_next_process_before_anything_newer(
    servers: str, tmp_path: Path
) -> None:
    """The first reached no broker; the rest of its records are counted as unknown."""
    journal = SpillJournal(tmp_path, 1 << 20)
    first = FleetProducer(NOWHERE, FullPolicy.SPILL, BOUNDS, journal, unheard)
    for number in range(100):
        first.send(record(number))
    figures = first.close(0.1)
    assert (figures.unknown, figures.pending_spilled) == (20, 80)
    journal = SpillJournal(tmp_path, 1 << 20)
    assert journal.pending == 80
    second = FleetProducer(slow(servers), FullPolicy.SPILL, BOUNDS, journal, unheard)
    for number in range(100, 150):
        second.send(record(number))
    assert second.close(30).delivered == 130
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for message in read_everything(servers, "t"):
        seen[message.key()].append(int(message.value() or b""))
    assert all(numbers == list(range(4, 30)) for numbers in seen.values())


def test_a_full_spill_sheds(tmp_path: Path) -> None:
    """The caller hears of it, as of every record that is not taken."""
    journal = SpillJournal(tmp_path, 500)
    producer = FleetProducer(NOWHERE, FullPolicy.SPILL, BOUNDS, journal, unheard)
    while producer.figures().spilled_bytes < 450:
        producer.send(record(0))
    with pytest.raises(BufferFull, match="the spill is full"):
        producer.send(Outgoing("t", b"x" * 100))
    assert producer.figures().shed == 1
    producer.close(0.0)


def test_what_is_too_large_is_known_to_have_failed(servers: str) -> None:
    """Not unknown: it was never taken."""
    producer = FleetProducer(slow(servers), FullPolicy.BLOCK, BufferBounds(), tell=unheard)
    answers: list[Delivery] = []
    producer.send(Outgoing("t", b"x" * 2_000_000), answers.append)
    assert producer.close(10).failed == 1
    assert answers[0].outcome is Outcome.FAILED


def test_a_spill_is_asked_for_with_the_policy_and_only_then(tmp_path: Path) -> None:
    """Either alone would be a full buffer that surprises."""
    with pytest.raises(BadInput, match="policy spill"):
        FleetProducer(NOWHERE, FullPolicy.SPILL)
    journal = SpillJournal(tmp_path, 1000)
    with pytest.raises(BadInput, match="policy spill"):
        FleetProducer(NOWHERE, FullPolicy.BLOCK, spill=journal)
    journal.close()
