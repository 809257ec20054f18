"""The fleet on real Kafka: nothing skipped and order per key kept, whatever happens to members."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from blueprint.client_settings import GroupProtocol
from lab.cluster import Lab
from tests.cluster.conftest import ROOT
from tests.fleet.handlers import HANGS, JOURNAL, WORK_MS

pytestmark = pytest.mark.cluster

PARTITIONS, KEYS, RECORDS = 12, 400, 24_000
TIMEOUT_S = 90.0
#: For so long memory is watched.
FLAT_S = 12.0


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
    """Members of one group on one topic, each a process."""

    outputs: Path
    servers: str
    folder: Path
    protocol: GroupProtocol
    topic: str = field(default_factory=lambda: f"quorate-fleet-{uuid.uuid4().hex[:8]}")
    members: list["subprocess.Popen[str]"] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

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
        admin = AdminClient({"bootstrap.servers": self.servers})
        for future in admin.create_topics(new).values():
            future.result(30)

    def produce(self, records: int = RECORDS, keys: int = KEYS, size: int = 100) -> None:
        """Write records whose value begins with their number within the key."""
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 5, "acks": "all"})
        padding = "." * size
        for number in range(records):
            value = f"{number // keys} {padding}"
            producer.produce(self.topic, value, f"k{number % keys}")
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0

    def fill(self, records: int) -> None:
        """Write many records of about 1 KB, as quickly as can be."""
        settings = {"linger.ms": 20, "batch.size": 1_000_000, "compression.type": "zstd"}
        producer = Producer({"bootstrap.servers": self.servers, **settings})
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
        command += ["--protocol", self.protocol.value, *arguments]
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
            found.append(Line(int(partition), int(offset), key, value, int(pid)))
        return found

    def signals(self, kind: str) -> list[dict[str, object]]:
        """The signals of one kind that members gave."""
        lines = self.said.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith('{"signal"')]
        return [signal for signal in found if signal["signal"] == kind]

    def committed(self) -> dict[int, int]:
        """What the group has committed."""
        asked = [ConsumerGroupTopicPartitions(self.topic)]
        admin = AdminClient({"bootstrap.servers": self.servers})
        answer = admin.list_consumer_group_offsets(asked)[self.topic].result(30)
        return {p.partition: p.offset for p in answer.topic_partitions or [] if p.offset >= 0}

    def ends(self) -> dict[int, int]:
        """The end of each partition."""
        reader = Consumer({"bootstrap.servers": self.servers, "group.id": "nobody"})
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


MakeFleet = Callable[[GroupProtocol], Fleet]


@pytest.fixture
def make_fleet(lab: Lab, outputs_file: Path, tmp_path: Path) -> Iterator[MakeFleet]:
    """Fleets that are gone at the end, with their topics."""
    made: list[Fleet] = []

    def make(protocol: GroupProtocol) -> Fleet:
        servers = lab.outputs.bootstrap_servers["a"]
        made.append(Fleet(outputs_file, servers, tmp_path, protocol))
        return made[-1]

    yield make
    for fleet in made:
        fleet.end()
        names = [fleet.topic, f"{fleet.topic}-dead-letter"]
        admin = AdminClient({"bootstrap.servers": fleet.servers})
        for future in admin.delete_topics(names).values():
            future.result(30)


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


@pytest.mark.parametrize("protocol", list(GroupProtocol))
def test_rebalances_and_a_killed_member_skip_nothing_and_keep_the_order(
    make_fleet: MakeFleet, protocol: GroupProtocol
) -> None:
    """A member joins, one is killed, one leaves in order, while records are handled."""
    fleet = make_fleet(protocol)
    fleet.prepare()
    fleet.produce()
    handler = "write_down_later" if protocol is GroupProtocol.COOPERATIVE else "write_down"
    fleet.environment[WORK_MS] = "4"
    first = fleet.start(handler)
    second = fleet.start(handler)
    fleet.until(lambda: len(fleet.lines()) > 1000, "the first records are handled")
    assert_commits_cover_only_what_is_done(fleet)
    fleet.start(handler)
    fleet.until(lambda: len({line.pid for line in fleet.lines()}) == 3, "the third works")
    second.send_signal(signal.SIGKILL)
    for _ in range(3):
        assert_commits_cover_only_what_is_done(fleet)
    fleet.start(handler)
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "the first has left", 30)
    assert first.returncode == 0, fleet.said.read_text()[-2000:]
    fleet.until(fleet.done, "everything is committed")
    assert_nothing_skipped(fleet)
    assert_order_per_key(fleet.lines())
    assert_commits_cover_only_what_is_done(fleet)
    assert len(fleet.lines()) < 2 * RECORDS


def test_poison_goes_to_the_dead_letters_with_its_cause_and_stops_nothing(
    make_fleet: MakeFleet,
) -> None:
    """Its key's later records are handled after it, its partition is committed to the end."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    producer = Producer({"bootstrap.servers": fleet.servers, "message.max.bytes": 2_000_000})
    for value in ("0", "poison", "2"):
        producer.produce(fleet.topic, value, "bad", partition=1, headers=[("mine", b"kept")])
    producer.produce(fleet.topic, "nokey", None, partition=2)
    producer.produce(fleet.topic, b"x" * 1_000_000, "large", partition=3)
    producer.produce(fleet.topic, bytes(range(256)), b"\xff\xfe", partition=4)
    assert producer.flush(30) == 0
    fleet.start("hang_or_poison")
    fleet.until(fleet.done, "everything is committed")
    letters = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 1)
    headers = dict(letters[0].headers() or [])
    assert letters[0].value() == b"poison"
    assert headers["mine"] == b"kept"
    assert headers["quorate-dead-error"] == b"ValueError"
    assert headers["quorate-dead-text"] == b"this cannot be handled"
    assert headers["quorate-dead-offset"] == b"1"
    assert headers["quorate-dead-attempts"] == b"5"
    assert len(fleet.signals("poisoned")) == 1
    assert [line.value for line in fleet.lines() if line.key == "bad"] == ["0", "2"]
    assert {line.partition for line in fleet.lines()} == {1, 2, 3, 4}


def test_a_handler_that_hangs_is_said_with_where_and_how_long(make_fleet: MakeFleet) -> None:
    """Other keys go on; the commit stays below it; once it ends everything is committed."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    (fleet.folder / "hangs").touch()
    (fleet.folder / "settings.yaml").write_text("hung_after_s: 0.5\nstalled_after_s: 1\n")
    producer = Producer({"bootstrap.servers": fleet.servers})
    producer.produce(fleet.topic, "hang", "stuck", partition=5)
    for number in range(50):
        producer.produce(fleet.topic, "ok", f"k{number}", partition=5)
    assert producer.flush(30) == 0
    fleet.start(
        "hang_or_poison", "--settings", str(fleet.folder / "settings.yaml"), "--lanes", "64"
    )
    fleet.until(lambda: bool(fleet.signals("hung")), "it is said")
    said = fleet.signals("hung")[0]
    assert (said["partition"], said["offset"], said["key"]) == (5, 0, "stuck")
    assert isinstance(said["seconds"], float)
    assert said["seconds"] >= 0.5
    fleet.until(lambda: len(fleet.lines()) >= 40, "other keys go on")
    fleet.until(lambda: bool(fleet.signals("stalled")), "the partition is said to stand")
    assert fleet.committed().get(5, 0) == 0
    (fleet.folder / "hangs").unlink()
    fleet.until(fleet.done, "everything is committed")
    assert fleet.signals("hung-ended")


def test_what_is_done_above_a_hanging_record_is_not_done_again(make_fleet: MakeFleet) -> None:
    """The commit's metadata carries it to the next member; only the hanging one is handled anew."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    (fleet.folder / "hangs").touch()
    (fleet.folder / "settings.yaml").write_text("drain_deadline_s: 0.5\n")
    producer = Producer({"bootstrap.servers": fleet.servers})
    producer.produce(fleet.topic, "hang", "stuck", partition=5)
    for number in range(200):
        producer.produce(fleet.topic, "ok", f"k{number}", partition=5)
    assert producer.flush(30) == 0
    arguments = ("--settings", str(fleet.folder / "settings.yaml"), "--lanes", "128")
    first = fleet.start("hang_or_poison", *arguments)
    fleet.until(lambda: len(fleet.lines()) >= 190, "the rest is handled")
    before = {line.offset for line in fleet.lines()}
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "it leaves at its deadline", 30)
    assert first.returncode == 1
    assert fleet.signals("drain-expired")
    (fleet.folder / "hangs").unlink()
    fleet.start("hang_or_poison", *arguments)
    fleet.until(fleet.done, "everything is committed")
    again = [line for line in fleet.lines() if line.pid != first.pid]
    assert {line.offset for line in again} == set(range(201)) - before


def test_a_stopped_handler_leaves_memory_flat_before_a_million_records(
    make_fleet: MakeFleet,
) -> None:
    """Partitions are paused, the member stays in its group, and once it can it handles them all."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(replicas=1)
    fleet.fill(1_000_000)
    (fleet.folder / "hangs").touch()
    member = fleet.start("stand_still")
    fleet.until(lambda: bool(fleet.signals("paused")), "it is paused")
    process = psutil.Process(member.pid)
    sizes = []
    until_s = time.monotonic() + FLAT_S
    while time.monotonic() < until_s:
        sizes.append(process.memory_info().rss)
        time.sleep(0.2)
    print(f"memory of a member: {sizes[0] / 1e6:.0f} to {max(sizes) / 1e6:.0f} MB")
    assert max(sizes) <= 300e6
    assert max(sizes) - sizes[0] <= 20e6
    assert len(fleet.lines()) == 16
    assert not fleet.signals("revoked")
    assert not fleet.signals("lost")
    (fleet.folder / "hangs").unlink()
    fleet.until(fleet.done, "everything is committed", 120)
    assert process.memory_info().rss <= 300e6


def test_a_damaged_batch_is_left_out_with_a_dead_letter_in_its_place(
    lab: Lab, make_fleet: MakeFleet
) -> None:
    """What is before and behind it is handled, once it was read again in vain."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(partitions=1, replicas=1)
    producer = Producer({"bootstrap.servers": fleet.servers, "linger.ms": 100})
    for value, count in (("before", 3), ("damaged", 50), ("behind", 3)):
        for number in range(count):
            producer.produce(fleet.topic, value * 20, f"k-{number}")
        assert producer.flush(30) == 0
    damage(lab, fleet.topic, b"damageddamaged")
    fleet.start("hang_or_poison")
    fleet.until(lambda: fleet.committed().get(0) == 56, "everything is committed")
    assert sorted(line.offset for line in fleet.lines()) == [0, 1, 2, 53, 54, 55]
    assert len(fleet.signals("corrupt")) == 3
    (letter,) = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 1)
    headers = dict(letter.headers() or [])
    assert (headers["quorate-dead-error"], headers["quorate-dead-offset"]) == (b"Corrupt", b"3")
    assert b"offsets 3 to 52" in (headers["quorate-dead-why"] or b"")


def test_what_retention_deleted_before_it_was_read_is_said(make_fleet: MakeFleet) -> None:
    """A reset is never silent: the group goes on with what is left, and says what is not."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    producer = Producer({"bootstrap.servers": fleet.servers})
    for number in range(10):
        producer.produce(fleet.topic, str(number), "k", partition=3)
    assert producer.flush(30) == 0
    first = fleet.start("write_down")
    fleet.until(fleet.done, "everything is committed")
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "it leaves", 30)
    for number in range(10, 30):
        producer.produce(fleet.topic, str(number), "k", partition=3)
    assert producer.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": fleet.servers})
    for future in admin.delete_records([TopicPartition(fleet.topic, 3, 25)]).values():
        future.result(30)
    fleet.start("write_down")
    fleet.until(fleet.done, "everything is committed")
    (said,) = fleet.signals("overtaken")
    assert (said["partition"], said["offset"]) == (3, 10)
    assert "15 records" in str(said["detail"])
    assert [line.offset for line in fleet.lines()] == [*range(10), *range(25, 30)]


def test_a_handler_that_returns_something_is_told_so_in_every_dead_letter(
    make_fleet: MakeFleet,
) -> None:
    """It is called once for each record: its effects may have happened."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    fleet.produce(20, 20)
    fleet.start("return_something")
    fleet.until(fleet.done, "everything is committed")
    letters = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 20)
    whys = {dict(letter.headers() or [])["quorate-dead-why"] for letter in letters}
    assert whys == {b"the handler returned int; it returns None, or raises what is wrong"}
    assert len(letters) == len(fleet.lines()) == 20


def test_topics_that_do_not_exist_are_refused_in_one_go(make_fleet: MakeFleet) -> None:
    """With their names and what to do; nothing has joined."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    member = fleet.start("write_down", "--dead-letters", "quorate-nowhere")
    fleet.until(lambda: member.poll() is not None, "it is refused", 30)
    assert member.returncode == 2
    said = fleet.said.read_text()
    assert fleet.topic in said
    assert "quorate-nowhere" in said
    assert "Traceback" not in said
    fleet.prepare()


def test_two_processes_of_one_instance_share_the_work_and_end_together(
    make_fleet: MakeFleet,
) -> None:
    """One SIGTERM to the instance; everything that was handled is committed."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    fleet.produce()
    fleet.environment[WORK_MS] = "4"
    instance = fleet.start("write_down", "--processes", "2", "--instance", "one")
    fleet.until(lambda: len({line.pid for line in fleet.lines()}) == 2, "both work")
    fleet.until(fleet.done, "everything is committed")
    assert instance.pid not in {line.pid for line in fleet.lines()}
    instance.send_signal(signal.SIGTERM)
    fleet.until(lambda: instance.poll() is not None, "it ends", 30)
    assert instance.returncode == 0
    assert_order_per_key(fleet.lines())


def damage(lab: Lab, topic: str, content: bytes) -> None:
    """Change one byte of a record where it is stored; its broker does not notice."""
    for path in lab.plan.state.folder.rglob(f"{topic}-0/*.log"):
        at = path.read_bytes().find(content)
        if at >= 0:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(b"D")
            return
    pytest.fail("the record is in no log")


def read_all(servers: str, topic: str, count: int) -> list[Message]:
    """The first records of a topic."""
    reader = Consumer(
        {"bootstrap.servers": servers, "group.id": "nobody", "auto.offset.reset": "earliest"}
    )
    partitions = reader.list_topics(topic, 30).topics[topic].partitions
    reader.assign([TopicPartition(topic, p, 0) for p in partitions])
    found: list[Message] = []
    deadline_s = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline_s:
        found += [m for m in reader.consume(100, 0.5) if m.error() is None]
    reader.close()
    return found
