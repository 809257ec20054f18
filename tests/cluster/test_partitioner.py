"""A key goes to the partition that Java's own producer gives it, whoever writes it first."""

import random
import string
import subprocess
import uuid

import pytest
from confluent_kafka import Producer

from bench.zone import drop_topic, make_topic
from blueprint.client_settings import Goal, producer_settings
from blueprint.failover_profile import BALANCED
from lab.cluster import Lab
from lab.equipment import have_tools
from tests.fleet.running_fleet import read_all

pytestmark = pytest.mark.cluster

#: A prime, so that no partitioner agrees with another by chance for many keys.
PARTITIONS = 13
KEYS = 400


def test_keys_go_where_java_puts_them(lab: Lab) -> None:
    """Keys of every length, by Kafka's console producer and by the settings of the blueprint."""
    draw, topic = random.Random(11), f"quorate-partitioner-{uuid.uuid4().hex[:8]}"
    alphabet = string.ascii_letters + string.digits + "äö€"
    keys = {"".join(draw.choices(alphabet, k=draw.randrange(1, 40))) for _ in range(KEYS)}
    servers = lab.outputs.bootstrap_servers["a"]
    make_topic(lab, topic, PARTITIONS)
    command = have_tools().jvm.command("org.apache.kafka.tools.ConsoleProducer", 128)
    command += ["--bootstrap-server", servers, "--topic", topic, "--reader-property"]
    command += ["parse.key=true", "--reader-property", "key.separator=|"]
    lines = "".join(f"{key}|java\n" for key in sorted(keys))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    ours = Producer(producer_settings(BALANCED, servers, Goal.THROUGHPUT))
    for key in keys:
        ours.produce(topic, b"ours", key)
    assert ours.flush(60) == 0
    found = {"java": dict[bytes, int](), "ours": dict[bytes, int]()}
    for message in read_all(servers, topic, 2 * len(keys)):
        writer, partition = (message.value() or b"").decode(), message.partition()
        assert partition is not None
        found[writer][bytes(message.key() or b"")] = partition
    assert len(found["java"]) == len(keys)
    assert found["java"] == found["ours"]
    assert set(found["java"].values()) == set(range(PARTITIONS))
    drop_topic(lab, topic)
