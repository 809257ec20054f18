"""Each event once on real Kafka and PostgreSQL: members killed, the group rewound, both at once."""

import signal
from pathlib import Path

import psycopg
import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from blueprint.client_settings import GroupProtocol
from lab.postgres import Postgres
from tests.fleet.handlers import WORK_MS
from tests.fleet.running_fleet import Fleet, MakeFleet

pytestmark = pytest.mark.cluster
MARGIN = 100


def applied(database: Postgres) -> list[tuple[int, int, str, int]]:
    """Every effect, in the order in which it was made."""
    with psycopg.connect(database.dsn) as connection:
        found = connection.execute("select place, log_offset, key, value from effects order by id")
        return [(int(p), int(o), str(k), int(v)) for p, o, k, v in found]


def assert_each_once(fleet: Fleet, database: Postgres) -> None:
    """Every record has one effect, each key's in the order of the log."""
    rows = applied(database)
    every = {(p, offset) for p, end in fleet.ends().items() for offset in range(end)}
    assert len(rows) == len(every)
    assert {(place, offset) for place, offset, _, _ in rows} == every
    reached: dict[str, int] = {}
    for _, _, key, value in rows:
        assert value == reached.get(key, 0), f"{key}: {value} came after {reached.get(key)}"
        reached[key] = value + 1


def rewind(fleet: Fleet, to: dict[int, int]) -> None:
    """Set the group's offsets back, as an operator does; the group must be empty."""
    admin = AdminClient({"bootstrap.servers": fleet.servers})
    places = [TopicPartition(fleet.topic, p, offset) for p, offset in to.items()]
    asked = [ConsumerGroupTopicPartitions(fleet.topic, places)]
    answered = admin.alter_consumer_group_offsets(asked)[fleet.topic].result(30)
    assert not [p.error for p in answered.topic_partitions if p.error]


def marks(database: Postgres) -> tuple[int, int]:
    """Marks that are remembered, and partitions whose floor has risen."""
    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute("select count(*) from quorate_dedup_key").fetchone()
        risen = "select count(*) from quorate_dedup_source where floor > 0"
        floors = connection.execute(risen).fetchone()
    assert rows is not None
    assert floors is not None
    return int(rows[0]), int(floors[0])


@pytest.mark.parametrize("way", ["keys", "ids"])
def test_through_kills_and_rewinds_every_record_has_one_effect(
    make_fleet: MakeFleet, database: Postgres, tmp_path: Path, way: str
) -> None:
    """A member is killed in the middle, the group set back within the margin and then to 0."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    fleet.produce(9_600, keys=2_400)
    said = {"by": way, "margin_records": MARGIN, "purge_every_s": 0.2, "database": database.dsn}
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"dedup": said}))
    fleet.environment[WORK_MS] = "1"
    arguments = ("apply_once", "--settings", str(file))
    first, second = fleet.start(*arguments), fleet.start(*arguments)
    fleet.until(lambda: len(applied(database)) > 1500, "the first records are applied")
    second.send_signal(signal.SIGKILL)
    fleet.until(lambda: len(applied(database)) > 3000, "the other goes on")
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "the first has left", 60)
    # How it ended is another test's matter: librdkafka 2.16 was seen to crash while it left, when a
    # heartbeat had just timed out. Each record has one effect whatever the end was like.
    before = len(applied(database))
    committed = fleet.committed()
    fleet.until(lambda: _emptied(fleet), "the group is empty", 60)
    rewind(fleet, {p: max(0, offset - MARGIN) for p, offset in committed.items()})
    third = fleet.start(*arguments)
    fleet.until(fleet.done, "everything is committed")
    assert len(applied(database)) > before
    assert_each_once(fleet, database)
    third.send_signal(signal.SIGTERM)
    fleet.until(lambda: third.poll() is not None, "the third has left", 60)
    fleet.until(lambda: _emptied(fleet), "the group is empty", 60)
    assert marks(database)[1] == len(fleet.ends())
    if way == "keys":
        assert marks(database)[0] <= len(fleet.ends()) * (MARGIN + 150)
    # Further back than anything is remembered: it is below the floor, and so it was done.
    rewind(fleet, dict.fromkeys(fleet.ends(), 0))
    fleet.start(*arguments)
    fleet.until(fleet.done, "everything is committed")
    assert_each_once(fleet, database)
    assert not fleet.signals("poisoned")
    assert not fleet.signals("purge-failed")


def _emptied(fleet: Fleet) -> bool:
    admin = AdminClient({"bootstrap.servers": fleet.servers})
    described = admin.describe_consumer_groups([fleet.topic])[fleet.topic].result(30)
    return not described.members
