"""From a transaction to one effect downstream, on real PostgreSQL, Connect and Kafka."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import yaml
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from blueprint.client_settings import GroupProtocol
from blueprint.connector import MadeTopics, WorkerMode
from blueprint.failover_profile import BALANCED
from fleet.outbox import Event, OutboxPurge, make_outbox, write
from fleet.slot_watch import SlotLevel, SlotPolicy, SlotWatch
from lab.cluster import Lab
from lab.connect import Connect
from lab.postgres import Postgres, free_port
from tests.fleet.running_fleet import Fleet, MakeFleet

pytestmark = pytest.mark.cluster
TIMEOUT_S = 120.0
#: Transactions, before there is a connector.
BEFORE = 30


@pytest.fixture
def database(database: Postgres) -> Postgres:
    """The same with an outbox, and a table of the business."""
    make_outbox(database.dsn)
    with psycopg.connect(database.dsn) as connection:
        connection.execute("create table business (number int)")
    return database


class Writer:
    """Commits a number with its event, and rolls others back, until told to end."""

    def __init__(self, dsn: str, topic: str) -> None:
        """Prepare."""
        self._dsn, self._topic, self._ended = dsn, topic, threading.Event()
        self.committed: list[int] = []
        self._number = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or begin again."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction under way."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(30)

    def _serve(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            while not self._ended.wait(0.005):
                self.once(connection)

    def once(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        """One transaction: committed, rolled back, or with a part that is rolled back."""
        number, self._number = self._number, self._number + 1
        event = Event(self._topic, f"k{number % 50}", str(number).encode())
        insert = "insert into business values (%s)"
        with connection.transaction() as transaction:
            if number % 7 == 3:
                with connection.transaction() as savepoint:
                    connection.execute(insert, (number,))
                    write(connection, [event])
                    raise psycopg.Rollback(savepoint)
                return
            connection.execute(insert, (number,))
            write(connection, [event])
            if number % 5 == 2:
                raise psycopg.Rollback(transaction)
        if number % 7 != 3 and number % 5 != 2:
            self.committed.append(number)


@contextmanager
def connected(lab: Lab, database: Postgres, mode: WorkerMode) -> Iterator[Connect]:
    """Connect with the outbox connector, gone at the end."""
    made = Connect(
        database.folder,
        database,
        lab.outputs.bootstrap_servers["a"],
        mode,
        free_port(),
        BALANCED,
        MadeTopics(),
        f"outbox_{uuid.uuid4().hex[:8]}",
    )
    try:
        yield made
    finally:
        made.down()


def effects(database: Postgres) -> Counter[int]:
    """How often each number had its effect."""
    with psycopg.connect(database.dsn) as connection:
        return Counter(int(n) for (n,) in connection.execute("select value from effects"))


def published(fleet: Fleet) -> list[Message]:
    """Everything that is in the topic, to the end of each partition; markers are no records."""
    # A look commits nothing: a group that is left behind in the cluster is another test's surprise.
    settings = {
        "group.id": "a-look",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "log_level": 0,
    }
    reader = Consumer({"bootstrap.servers": fleet.servers, **settings})
    reader.assign([TopicPartition(fleet.topic, p, 0) for p in fleet.ends()])
    found: list[Message] = []
    open_yet = set(fleet.ends())
    deadline_s = time.monotonic() + TIMEOUT_S
    while open_yet and time.monotonic() < deadline_s:
        for message in reader.consume(500, 0.2):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_yet.discard(message.partition())
    reader.close()
    assert not open_yet
    return found


def all_committed(fleet: Fleet, records: list[Message]) -> bool:
    """Whether the group is past every record; behind a transaction's last there is its marker."""
    committed = fleet.committed()
    return all(committed.get(r.partition() or 0, 0) > (r.offset() or 0) for r in records)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize("mode", list(WorkerMode))
def test_what_is_committed_has_one_effect_and_what_is_rolled_back_none(
    lab: Lab, database: Postgres, make_fleet: MakeFleet, tmp_path: Path, mode: WorkerMode
) -> None:
    """Whoever is killed meanwhile: Connect twice, and the database."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    writer = Writer(database.dsn, fleet.topic)
    # Committed before there is any connector: the snapshot has it.
    with psycopg.connect(database.dsn) as connection:
        for _ in range(BEFORE):
            writer.once(connection)
    with connected(lab, database, mode) as connect:
        connect.start()
        settings = tmp_path / "settings.yaml"
        settings.write_text(yaml.safe_dump({"dedup": {"by": "ids", "database": database.dsn}}))
        fleet.start("apply_once", "--settings", str(settings))
        # What was there before is published as a snapshot, and one that is cut short is made anew,
        # exactly-once or not. Kafka hears of its end with the first event behind it.
        writer.start()
        until(lambda: any(int(one.value() or 0) >= BEFORE for one in published(fleet)))
        writer.stop()
        for _ in range(2):
            writer.start()
            seen = len(writer.committed)
            until(lambda seen=seen: len(writer.committed) > seen + 60)  # type: ignore[misc]
            connect.kill()
            until(lambda seen=seen: len(writer.committed) > seen + 110)  # type: ignore[misc]
            connect.start()
            writer.stop()
        database.kill()
        database.start()
        writer.start()
        seen = len(writer.committed)
        until(lambda: len(writer.committed) > seen + 60)
        writer.stop()
        connect.await_streaming()
        fleet.until(lambda: set(effects(database)) >= set(writer.committed), "all have effects")
        records = published(fleet)
        fleet.until(lambda: all_committed(fleet, records), "everything is committed")
    assert effects(database) == dict.fromkeys(writer.committed, 1)
    ids = Counter(dict(record.headers() or [])["id"] for record in records)
    again = sum(ids.values()) - len(ids)
    print(f"{mode}: {len(ids)} events, {again} published again")
    assert len(ids) == len(writer.committed)
    if mode is WorkerMode.DISTRIBUTED:
        assert again == 0, [id_ for id_, times in ids.items() if times > 1]
    assert_order_per_key(records)
    assert not fleet.signals("poisoned")


def assert_order_per_key(records: list[Message]) -> None:
    """What is published for the first time comes in the order of the commits of its key."""
    reached: dict[bytes, int] = {}
    seen: set[str] = set()
    for record in records:
        event = str(dict(record.headers() or [])["id"])
        key, number = record.key() or b"", int(record.value() or b"")
        if event not in seen:
            assert number > reached.get(key, -1)
            reached[key] = number
        seen.add(event)


def test_a_connector_that_is_away_is_alarmed_about_and_its_outbox_kept(
    lab: Lab, database: Postgres, make_fleet: MakeFleet
) -> None:
    """The log that is held back grows; nothing unpublished is purged; then it is freed."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    watch_policy = SlotPolicy(warning_share=0.02, critical_share=0.5, warning_s=0, critical_s=0)
    with connected(lab, database, WorkerMode.STANDALONE) as connect:
        watch = SlotWatch(connect.slot, watch_policy)
        purge = OutboxPurge(connect.slot, keep_s=-1.0, timeout_s=0.3)
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            assert watch.look(connection).level is SlotLevel.LOST
            connect.start()
            until(lambda: watch.look(connection).level is SlotLevel.NORMAL)
            connect.kill()
            until(lambda: not watch.look(connection).reading.active)
            write(connection, [Event(fleet.topic, "k", b"0")])
            # Of another table: it is held back all the same.
            connection.execute(
                "create table other as select n, repeat('x', 500) from generate_series(1, 20000) n"
            )
            found = watch.look(connection)
            assert found.level is SlotLevel.WARNING
            assert found.growth_bytes_per_s > 0
            assert purge.purge(connection) == 0
            connect.start()
            until(lambda: watch.look(connection).reading.held_bytes < found.reading.held_bytes / 4)
            patient = OutboxPurge(connect.slot, keep_s=-1.0)
            assert patient.purge(connection) == 1
            assert watch.look(connection).level is SlotLevel.NORMAL
    assert [record.value() for record in published(fleet)] == [b"0"]
