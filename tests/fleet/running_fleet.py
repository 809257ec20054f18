"""Fleets as processes of the door, what they write down, and what must hold of it."""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from blueprint.client_settings import GroupProtocol, Setting
from tests.cluster.clients import Settings
from tests.fleet.handlers import HANGS, JOURNAL

ROOT = Path(__file__).parents[2]
PARTITIONS, KEYS, RECORDS = 12, 400, 24_000
TIMEOUT_S = 90.0
#: Who only looks leaves no group behind.
LOOK: Settings = {"group.id": "a-look", "enable.auto.commit": False}


@dataclass(frozen=True)
class Line:
    """One record that a handler was done with."""

    partition: int
    offset: int
    key: str
    value: str
    pid: int


@dataclass
class Fleet:
    """Members of one group on one topic, each a process.

    Attributes:
        environment: Of the members, beside this process's own.
        admin: What proves an administrator, where the cluster asks for it.
        own: The fleet's own credentials, as a file.
    """

    outputs: Path
    servers: str
    folder: Path
    protocol: GroupProtocol
    topic: str = field(default_factory=lambda: f"quorate-fleet-{uuid.uuid4().hex[:8]}")
    members: list["subprocess.Popen[str]"] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    admin: Mapping[str, Setting] = field(default_factory=dict)
    own: Path | None = None

    @property
    def client(self) -> Settings:
        """What a client needs who makes topics, fills them and looks."""
        return {"bootstrap.servers": self.servers, **self.admin}

    @property
    def proof(self) -> list[str]:
        """What the door is told of the fleet's own credentials."""
        return ["--credentials", str(self.own)] if self.own else []

    @property
    def journal(self) -> Path:
        """What the handlers wrote."""
        return self.folder / "journal"

    @property
    def said(self) -> Path:
        """What the members said."""
        return self.folder / "said"

    def prepare(self, partitions: int = PARTITIONS, replicas: int = 3) -> None:
        """Make the topics."""
        names = (self.topic, f"{self.topic}-dead-letter")
        new = [
            NewTopic(n, partitions, replicas, config={"min.insync.replicas": "1"}) for n in names
        ]
        admin = AdminClient(self.client)
        for future in admin.create_topics(new).values():
            settle(future, KafkaError.TOPIC_ALREADY_EXISTS)

    def produce(self, records: int = RECORDS, keys: int = KEYS, size: int = 100) -> None:
        """Write records whose value begins with their number within the key."""
        # Without idempotence a retry on a busy machine puts records into the log out of order.
        settings: Settings = self.client | {"linger.ms": 5, "enable.idempotence": True}
        producer = Producer(settings)
        padding = "." * size
        for number in range(records):
            value = f"{number // keys} {padding}"
            producer.produce(self.topic, value, f"k{number % keys}")
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0

    def fill(self, records: int) -> None:
        """Write many records of about 1 KB, as quickly as can be."""
        settings: Settings = {
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "compression.type": "zstd",
        }
        producer = Producer(self.client | settings)
        values = [realistic(random.Random(seed)) for seed in range(500)]
        for number in range(records):
            value = values[number % len(values)]
            while True:
                try:
                    producer.produce(self.topic, value, f"k{number % 5000}")
                    break
                except BufferError:
                    producer.poll(0.1)
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(120) == 0

    def start(self, handler: str, *arguments: str) -> "subprocess.Popen[str]":
        """Start one more member."""
        self.environment |= {JOURNAL: str(self.journal), HANGS: str(self.folder / "hangs")}
        command = [sys.executable, "-m", "fleet", "run", f"tests.fleet.handlers:{handler}"]
        command += ["--outputs", str(self.outputs), "--topic", self.topic, "--group", self.topic]
        command += ["--protocol", self.protocol.value, *self.proof, *arguments]
        with self.said.open("a") as said:
            member = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=said,
                stderr=said,
                text=True,
            )
        self.members.append(member)
        return member

    def lines(self) -> list[Line]:
        """Every record that was handled, in the order in which handlers were done."""
        found = []
        for text in self.journal.read_text().splitlines() if self.journal.exists() else []:
            partition, offset, key, value, pid = text.split(" ")
            found.append(Line(int(partition), int(offset), unquote(key), unquote(value), int(pid)))
        return found

    def signals(self, kind: str) -> list[dict[str, object]]:
        """The signals of one kind that members gave."""
        lines = self.said.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith('{"signal"')]
        return [signal for signal in found if signal["signal"] == kind]

    def committed(self) -> dict[int, int]:
        """What the group has committed."""
        asked = [ConsumerGroupTopicPartitions(self.topic)]
        admin = AdminClient(self.client)
        answer = admin.list_consumer_group_offsets(asked)[self.topic].result(30)
        return {p.partition: p.offset for p in answer.topic_partitions or [] if p.offset >= 0}

    def ends(self) -> dict[int, int]:
        """The end of each partition."""
        reader = Consumer(self.client | LOOK)
        try:
            return {
                p: reader.get_watermark_offsets(TopicPartition(self.topic, p), timeout=30)[1]
                for p in reader.list_topics(self.topic, 30).topics[self.topic].partitions
            }
        finally:
            reader.close()

    def done(self) -> bool:
        """Whether everything is committed."""
        committed = self.committed()
        return all(committed.get(p, 0) == end for p, end in self.ends().items() if end)

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for a condition."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                said = self.said.read_text()[-3000:] if self.said.exists() else ""
                pytest.fail(f"not in {timeout_s} s: {what}\n{said}")
            time.sleep(0.1)

    def end(self) -> None:
        """End every member."""
        for member in self.members:
            member.kill()
            member.wait(10)


def settle(future: "Future[None]", *done_before: int) -> None:
    """Wait for an answer; a request that was made twice finds its work done."""
    try:
        future.result(30)
    except KafkaException as error:
        if error.args[0].code() not in done_before:
            raise


MakeFleet = Callable[[GroupProtocol], Fleet]


@contextmanager
def fleets(outputs: Path, servers: str, folder: Path) -> Iterator[MakeFleet]:
    """Makes fleets that are gone at the end, with their topics."""
    made: list[Fleet] = []

    def make(protocol: GroupProtocol) -> Fleet:
        made.append(Fleet(outputs, servers, folder, protocol))
        return made[-1]

    yield make
    for fleet in made:
        fleet.end()
        names = [fleet.topic, f"{fleet.topic}-dead-letter"]
        admin = AdminClient(fleet.client)
        for future in admin.delete_topics(names).values():
            settle(future, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID)


def realistic(draw: random.Random) -> str:
    """About 1 KB of JSON, of which zstd takes off some 70 % as it does of real events."""
    words = ["created", "paid", "shipped", "returned", "settled"]
    items = [
        {
            "sku": f"sku-{draw.randrange(10**6)}",
            "state": draw.choice(words),
            "cents": draw.randrange(10**5),
        }
        for _ in range(18)
    ]
    return json.dumps({"order": draw.randrange(10**12), "items": items})


def handled(lines: list[Line]) -> dict[int, set[int]]:
    """The offsets of each partition that were handled."""
    found: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        found[line.partition].add(line.offset)
    return found


def assert_nothing_skipped(fleet: Fleet) -> None:
    """Every offset of every partition was handled at least once."""
    seen = handled(fleet.lines())
    for partition, end in fleet.ends().items():
        assert seen[partition] == set(range(end)), f"partition {partition}"


def assert_order_per_key(lines: list[Line]) -> None:
    """No record was handled for the first time before its predecessors of the same key."""
    seen: dict[str, int] = defaultdict(int)
    for line in lines:
        number = int(line.value)
        assert number <= seen[line.key], f"{line.key}: {number} came before {seen[line.key]}"
        seen[line.key] = max(seen[line.key], number + 1)


def assert_commits_cover_only_what_is_done(fleet: Fleet) -> None:
    """Asked first, looked up after: whatever is committed now was written down before."""
    committed = fleet.committed()
    seen = handled(fleet.lines())
    for partition, offset in committed.items():
        assert seen[partition] >= set(range(offset)), f"partition {partition} at {offset}"


def read_all(servers: str, topic: str, count: int) -> list[Message]:
    """The first records of a topic."""
    reader = Consumer({"bootstrap.servers": servers, **LOOK, "auto.offset.reset": "earliest"})
    partitions = reader.list_topics(topic, 30).topics[topic].partitions
    reader.assign([TopicPartition(topic, p, 0) for p in partitions])
    found: list[Message] = []
    deadline_s = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline_s:
        found += [m for m in reader.consume(100, 0.5) if m.error() is None]
    reader.close()
    return found
