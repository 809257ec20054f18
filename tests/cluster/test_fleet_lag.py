"""Lag on a real cluster: of a group that falls behind, of one that has none, of one that is new."""

import json
import socket
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.cimpl import NewTopic

from lab.cluster import Lab
from tests.cluster.conftest import Door

pytestmark = pytest.mark.cluster

#: 24 % too slow, so that half a minute is enough to see it on a busy machine.
ARRIVING_PER_S, DONE_PER_S = 500, 380
TIMEOUT_S = 60.0


class Traffic:
    """A producer at a rate, a member that is slower, and one that keeps up."""

    def __init__(self, servers: str) -> None:
        """Make the topic."""
        self.servers = servers
        self.topic = f"quorate-lag-{uuid.uuid4().hex[:8]}"
        self.slow, self.quick = f"{self.topic}-slow", f"{self.topic}-quick"
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._produce),
            threading.Thread(target=self._consume, args=(self.slow, DONE_PER_S)),
            threading.Thread(target=self._consume, args=(self.quick, 100 * ARRIVING_PER_S)),
        ]

    def start(self, lab: Lab) -> None:
        """Begin."""
        admin = lab.admin()
        for future in admin.create_topics([NewTopic(self.topic, 6, 3)]).values():
            future.result(30)
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """End."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _produce(self) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 5})
        began_s, sent = time.monotonic(), 0
        while not self._ended.wait(0.05):
            due = int((time.monotonic() - began_s) * ARRIVING_PER_S)
            for number in range(sent, due):
                producer.produce(self.topic, b"v" * 100, f"k{number}")
            sent = due
            producer.poll(0)
        producer.flush(10)

    def _consume(self, group: str, per_s: int) -> None:
        settings = {"group.id": group, "group.protocol": "consumer", "enable.auto.commit": False}
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "auto.offset.reset": "earliest", **settings}
        )
        consumer.subscribe([self.topic])
        began_s, done = None, 0
        while not self._ended.is_set():
            now_s = time.monotonic()
            due = int(((now_s - began_s) if began_s else 1.0) * per_s) - done
            found = consumer.consume(min(due, 1000), 0.1) if due > 0 else []
            began_s = began_s or (now_s if found else None)
            done += len(found)
            if found:
                consumer.commit(asynchronous=False)
            self._ended.wait(0.1)
        consumer.close()


@pytest.fixture
def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def traffic(lab: Lab) -> Iterator[Traffic]:
    """Under way."""
    made = Traffic(lab.outputs.bootstrap_servers["a"])
    made.start(lab)
    try:
        yield made
    finally:
        made.end()


def test_a_deficit_alarms_at_a_normal_level_and_a_group_that_keeps_up_is_healthy(
    traffic: Traffic, outputs_file: Path, free_port: int
) -> None:
    """In JSON and as metrics: who is behind, by how much, for how long, and what would end it."""
    door = Door("fleet")
    process = door.start(
        *("lag", "--outputs", str(outputs_file), "--json", "--every-s", "0.5"),
        *("--group", traffic.slow, "--group", traffic.quick, "--metrics-port", str(free_port)),
    )
    assert process.stdout is not None
    try:
        deadline_s = time.monotonic() + TIMEOUT_S
        slow: dict[str, Any] = {"deficit": False}
        quick = slow
        while not slow["deficit"] and time.monotonic() < deadline_s:
            said = json.loads(process.stdout.readline())["groups"]
            slow, quick = (next(g for g in said if g["group"] == name) for name in _names(traffic))
        metrics = _scrape(free_port)
    finally:
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert slow["deficit"], slow
    assert slow["level"] == "normal"
    assert slow["instances"] == 1
    assert slow["instances_wanted"] == 2
    assert slow["deficit_ratio"] == pytest.approx(0.24, abs=0.1)
    assert slow["arriving_per_s"] == pytest.approx(ARRIVING_PER_S, rel=0.15)
    assert slow["drain_s"] is None
    assert slow["lag_s"] > 0.5
    assert all(p["lag_s"] is not None for p in slow["partitions"])
    assert not quick["deficit"]
    assert quick["lag_records"] < ARRIVING_PER_S * 3
    assert f'quorate_fleet_lag_deficit{{group="{traffic.slow}"}} 1.0' in metrics
    assert f'quorate_fleet_instances_wanted{{group="{traffic.slow}"}} 2.0' in metrics
    assert f'quorate_fleet_lag_deficit{{group="{traffic.quick}"}} 0.0' in metrics


def test_one_look_says_what_it_can_and_a_group_that_is_none_is_refused(
    traffic: Traffic, outputs_file: Path
) -> None:
    """Exit 1 where a limit is reached, 2 for a group that has committed nothing and no topic."""
    door, outputs = Door("fleet"), ("--outputs", str(outputs_file), "--once")
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        table = door.call("lag", *outputs)
        if traffic.slow in table.stdout:
            break
    assert traffic.slow in table.stdout, table.stderr
    # Of the other groups of the lab one may be far behind; of this one alone nothing is alarming.
    assert table.returncode in (0, 1), table.stderr
    alone = door.call("lag", *outputs, "--group", traffic.slow)
    assert alone.returncode == 0, alone.stderr
    nobody = f"nobody-{uuid.uuid4().hex[:8]}"
    unknown = door.call("lag", *outputs, "--group", nobody)
    assert unknown.returncode == 2
    assert f"group: got '{nobody}'; legal: " in unknown.stderr
    assert "it has committed nothing" in unknown.stderr
    new = door.call("lag", *outputs, "--group", nobody, "--topic", traffic.topic, "--json")
    assert new.returncode == 0, new.stderr
    (group,) = json.loads(new.stdout)["groups"]
    assert group["lag_records"] > 0
    assert group["instances"] == 0
    assert len(group["partitions"]) == 6


def _names(traffic: Traffic) -> tuple[str, str]:
    return traffic.slow, traffic.quick


def _scrape(port: int) -> str:
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer,
    ):
        return str(answer.read().decode())
    return ""
