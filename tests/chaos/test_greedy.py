"""One who takes all he can: his fault bites or says that it did not, and his quota is asked for."""

import struct
from typing import cast

import pytest

from chaos.faults.fault import Members, Scene
from chaos.faults.greedy_consumer import LEAST_BYTES, GreedyConsumer
from chaos.targets.target import Target
from chaos.wire import NoAnswer, Wire
from chaos.workload.greedy import MOST_BYTES, _fetch
from tests.chaos.test_wire import node, wire

__all__ = ["wire"]


class Reader:
    """Who reads so much, and is held back or not."""

    def __init__(self, quota: int | None, read_bytes: int, *, throttled: bool) -> None:
        """As told, once he has begun."""
        self.quota_bytes_per_s = quota
        self.read_bytes, self.throttled = 0, False
        self._then = read_bytes, throttled
        self.zone = ""

    def start(self, zone: str) -> None:
        """Read."""
        self.zone = zone
        self.read_bytes, self.throttled = self._then

    def end(self) -> None:
        """Do not."""
        self.zone = ""


@pytest.mark.parametrize(
    ("quota", "read_bytes", "throttled", "measured"),
    [
        (None, LEAST_BYTES, False, [1]),
        (None, LEAST_BYTES - 1, False, [0]),
        (1000, LEAST_BYTES, True, [1, 1]),
        (1000, LEAST_BYTES, False, [1, 0]),
    ],
)
def test_one_who_reads_nothing_or_is_not_held_back_did_not_bite(
    quota: int | None,
    read_bytes: int,
    throttled: bool,
    measured: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A quota that nobody enforces would prove nothing."""
    monkeypatch.setattr("chaos.faults.greedy_consumer.BEGUN_TIMEOUT_S", 0.0)
    reader = Reader(quota, read_bytes, throttled=throttled)
    nobody, nothing = cast(Members, None), cast(Target, None)
    fault = GreedyConsumer(Scene(nothing, "t", "b", nobody, "mark", intruder=reader))
    fault.inject()
    assert reader.zone == "b"
    assert [(e.expected, e.measured) for e in fault.effects()] == [(1, one) for one in measured]
    fault.heal()
    assert reader.zone == ""


@pytest.mark.parametrize(("bytes_per_s", "lifted"), [(1_300_000, False), (None, True)])
def test_a_quota_is_asked_for_as_kafka_has_it(
    bytes_per_s: int | None, lifted: bool, wire: Wire
) -> None:
    """Of one client id, by its name; or lifted."""
    # An answer without a refusal: throttle, one entry, its error and no more.
    with node(lambda number, _: struct.pack(">iiih", number, 0, 1, 0)) as broker:
        wire.set_fetch_quota(broker.output, "who", bytes_per_s, 5)
        request = broker.requests[0]
    entry = struct.pack(">ii", 1, 1) + b"\0\x09client-id\0\x03who"
    change = struct.pack(">ih", 1, 18) + b"consumer_byte_rate"
    change += struct.pack(">d?", float(bytes_per_s or 0), lifted)
    assert request.endswith(entry + change + b"\0")


def test_a_quota_that_is_refused_is_no_quota(wire: Wire) -> None:
    """With the error's number."""
    with (
        node(lambda number, _: struct.pack(">iiih", number, 0, 1, 31)) as broker,
        pytest.raises(NoAnswer, match="refused the quota of who: error 31"),
    ):
        wire.set_fetch_quota(broker.output, "who", 1, 5)


def test_a_fetch_asks_for_each_partition_from_its_start() -> None:
    """At once, and for as much as there is."""
    said = _fetch("topic", [0, 4])
    head = struct.pack(">iiiib", -1, 0, 1, MOST_BYTES, 0)
    of_topic = struct.pack(">ih", 1, 5) + b"topic" + struct.pack(">i", 2)
    asked = struct.pack(">iqi", 0, 0, MOST_BYTES) + struct.pack(">iqi", 4, 0, MOST_BYTES)
    assert said == head + of_topic + asked
