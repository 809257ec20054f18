"""One member from its client to its end, on librdkafka's own brokers."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from blueprint.client_settings import Setting
from blueprint.failover_profile import BALANCED
from blueprint.problem import BadInput
from fleet.clients import dead_letter_settings, member_settings
from fleet.dead_letters import DeadLetters
from fleet.group import FleetError
from fleet.member import Ending, Member
from fleet.pressure import Flow
from fleet.record import Record
from fleet.settings import FleetSettings, fleet_settings
from fleet.signals import Signal, SignalKind
from tests.fleet.mock_cluster import mock_brokers, read_everything

TIMEOUT_S = 60.0


@pytest.fixture
def servers() -> Iterator[str]:
    """Brokers inside this process."""
    with mock_brokers() as found:
        yield found


def chosen(**fields: object) -> FleetSettings:
    """Settings of a test's fleet."""
    basics = {"topics": ("t",), "group": "g", "protocol": "cooperative", "commit_every_s": 0.1}
    return fleet_settings(basics | fields)


class Running:
    """A member in a thread."""

    def __init__(
        self, servers: str, settings: FleetSettings, handler: Callable[[Record], object]
    ) -> None:
        """Start it."""
        self.signals: list[Signal] = []
        letters: dict[str, Setting] = dead_letter_settings(BALANCED, servers)
        self.letters = DeadLetters(settings.dead_letter_topic, settings.group, letters)
        client = member_settings(settings, BALANCED, servers)
        bury = self.letters.bury
        self.member = Member(settings, client, handler, bury, tell=self.signals.append)
        self.ending: Ending | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.ending = self.member.run()

    def stop(self) -> Ending:
        """Stop it and wait for its end."""
        self.member.stop()
        self.thread.join(TIMEOUT_S)
        self.letters.close()
        assert self.ending is not None
        return self.ending


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def produce(servers: str, count: int, keys: int = 50, size: int = 10) -> None:
    """Records that say their number within their key."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5, "log_level": 0})
    producer.list_topics("g-dead-letter", timeout=10)
    for number in range(count):
        producer.produce("t", f"{number // keys} ".ljust(size), f"k{number % keys}")
    assert producer.flush(30) == 0


def committed(servers: str) -> int:
    """What the group has committed, of all partitions together."""
    asker = Consumer({"bootstrap.servers": servers, "group.id": "g", "log_level": 0})
    try:
        found = asker.committed([TopicPartition("t", p) for p in range(4)], timeout=10)
        return sum(max(0, p.offset) for p in found)
    finally:
        asker.close()


def test_the_next_member_goes_on_where_the_last_one_ended(servers: str) -> None:
    """Every record once, each key's in order, with members that come and go in order."""
    produce(servers, 3000)
    seen: dict[bytes | None, list[int]] = defaultdict(list)

    def handler(record: Record) -> None:
        time.sleep(0.001)
        seen[record.key()].append(int(record.value() or b""))

    first = Running(servers, chosen(), handler)
    until(lambda: sum(map(len, seen.values())) > 500)
    assert first.stop().clean
    assert 0 < committed(servers) <= sum(map(len, seen.values()))
    second = Running(servers, chosen(lanes=3), handler)
    until(lambda: sum(map(len, seen.values())) >= 3000)
    assert second.stop().clean
    assert committed(servers) == 3000
    assert all(numbers == list(range(60)) for numbers in seen.values())


def test_a_handler_that_is_slow_bounds_what_is_in_flight_and_pauses(servers: str) -> None:
    """Records and bytes stay within their bounds; it flows again once there is room."""
    produce(servers, 3000, size=500)
    go, seen = threading.Event(), Counter[bytes | None]()

    def handler(record: Record) -> None:
        assert go.wait(TIMEOUT_S)
        seen[record.key()] += 1

    running = Running(servers, chosen(in_flight_records=200), handler)
    until(lambda: running.member.figures().flow is Flow.PAUSED)
    # One more of each partition that was not read from yet: only then can it be paused.
    assert running.member.figures().in_flight.records <= 200 + 4
    go.set()
    until(lambda: seen.total() >= 3000)
    until(lambda: running.member.figures().in_flight.records == 0)
    assert running.stop().clean
    kinds = Counter(signal.kind for signal in running.signals)
    assert kinds[SignalKind.PAUSED] == kinds[SignalKind.RESUMED] >= 1
    assert set(seen.values()) == {60}


def test_a_handler_that_does_not_end_is_left_behind_at_the_deadline_and_not_committed(
    servers: str,
) -> None:
    """The member says so, ends, and its record is there for the next one."""
    produce(servers, 1)
    go = threading.Event()

    def handler(_: Record) -> None:
        go.wait(TIMEOUT_S)

    running = Running(servers, chosen(drain_deadline_s=0.2), handler)
    until(lambda: running.member.figures().crew.handling == 1)
    ending = running.stop()
    assert (ending.abandoned, ending.clean) == (1, False)
    assert committed(servers) == 0
    assert SignalKind.DRAIN_EXPIRED in {signal.kind for signal in running.signals}
    go.set()


def test_a_dead_letter_too_large_for_its_topic_goes_without_its_value(servers: str) -> None:
    """Its headers say so, and where the value is."""
    settings = dead_letter_settings(BALANCED, servers) | {"message.max.bytes": 5000}
    produce(servers, 1, size=6000)

    def handler(_: Record) -> None:
        raise ValueError("x" * 10_000)

    running = Running(servers, chosen(retry={"attempts": 1}), handler)
    running.letters._producer = Producer(settings)
    until(lambda: bool(read_everything(servers, "g-dead-letter")))
    assert running.stop().clean
    (letter,) = read_everything(servers, "g-dead-letter")
    headers = dict(letter.headers() or [])
    assert letter.value() is None
    assert headers["quorate-dead-value"] == b"left out: 6000 bytes; read it where it was"
    assert len(headers["quorate-dead-text"] or b"") == 2048


def test_a_member_that_reaches_no_broker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, within a bound."""
    monkeypatch.setattr("fleet.group.ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr("fleet.group._TRY_S", 0.2)
    client = member_settings(chosen(), BALANCED, "127.0.0.1:1") | {"log_level": 0}
    member = Member(chosen(), client, lambda _: None, lambda *_: None, tell=lambda _: None)
    with pytest.raises(FleetError, match="no broker answers"):
        member.run()


def test_settings_that_the_client_does_not_take_are_bad_input() -> None:
    """With what the client says of them."""
    client = member_settings(chosen(), BALANCED, "127.0.0.1:1") | {"fetch.max.bytes": -5}
    with pytest.raises(BadInput, match=r"fetch\.max\.bytes"):
        Member(chosen(), client, lambda _: None, lambda *_: None)


@pytest.mark.parametrize("protocol", ["cooperative", "eager"])
def test_members_that_come_and_go_skip_nothing_and_keep_the_order(
    servers: str, protocol: str
) -> None:
    """With far more in flight than is handled between two rebalances."""
    count, keys = 4000, 100
    produce(servers, count, keys)
    seen: list[tuple[bytes | None, int]] = []

    def handler(record: Record) -> None:
        time.sleep(0.002)
        seen.append((record.key(), int(record.value() or b"")))

    members = [Running(servers, chosen(protocol=protocol), handler)]
    for _ in range(2):
        handled = len(seen)
        until(lambda handled=handled: len(seen) > handled + 50)  # type: ignore[misc]
        members.append(Running(servers, chosen(protocol=protocol), handler))
        until(lambda: members[-1].member.figures().partitions > 0 or len(seen) >= count)
        members.pop(0).stop()
    until(lambda: committed(servers) == count)
    for running in members:
        running.stop()
    due: dict[bytes | None, int] = defaultdict(int)
    for key, number in seen:
        assert number <= due[key]
        due[key] = max(due[key], number + 1)
    assert set(due.values()) == {count // keys}
