"""The lab boots what a plan sized: Kafka knows every setting that is rendered, and has it."""

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from blueprint.broker_setting_names import NAMES
from blueprint.broker_settings import DERIVED, DERIVED_FAMILIES
from blueprint.demand import Demand
from blueprint.host_settings import broker_overrides
from blueprint.planner import plan
from chaos.interrupt import wait_until
from lab.cluster import Lab
from lab.config import LabConfig
from tests.cluster.node_logs import known_settings, log_of

pytestmark = pytest.mark.cluster

OVERRIDES = broker_overrides(
    plan(Demand(peak_events_per_s=1_000_000, mean_event_bytes=1000, latency_ms=35))
)


@pytest.fixture(scope="module")
def planned() -> Iterator[Lab]:
    """A lab of its own with a plan's settings."""
    name = f"planned-{uuid.uuid4().hex[:8]}"
    running = Lab.up(LabConfig(name=name, broker_overrides=OVERRIDES))
    try:
        yield running
    finally:
        running.down()


def test_every_broker_has_what_was_planned(planned: Lab) -> None:
    """As the broker itself says."""
    admin = AdminClient({"bootstrap.servers": planned.outputs.bootstrap_servers["a"]})
    for node in planned.plan.topology.brokers:
        asked = ConfigResource(ConfigResource.Type.BROKER, str(node.id))
        found = admin.describe_configs([asked])[asked].result(30)
        assert {name: found[name].value for name in OVERRIDES} == OVERRIDES


def test_kafka_knows_every_setting(planned: Lab) -> None:
    """It prints all that it knows when it starts, and says nothing of what it does not."""
    for node in planned.plan.topology.nodes:
        rendered = planned.plan.properties(node).read_text().splitlines()
        wanted = {line.partition("=")[0] for line in rendered if line}
        assert wanted - known_settings(planned, node) == set(), node.name


def test_the_names_that_may_be_overridden_are_those_that_kafka_knows(planned: Lab) -> None:
    """All of them, but for what follows from the topology and from who is let in."""
    known = known_settings(planned, planned.plan.topology.brokers[0])
    free = {name for name in known - DERIVED if not name.startswith(DERIVED_FAMILIES)}
    assert free == NAMES


def test_no_setting_is_on_its_way_out(planned: Lab) -> None:
    """Kafka warns of those, in the log of the role that was told."""
    for node in planned.plan.topology.nodes:
        log = log_of(planned, node)
        assert "KafkaConfig values:" in log
        words = ("deprecated", "will be ignored", "WARN KafkaConfig")
        assert [line for line in log.splitlines() if any(word in line for word in words)] == []


def test_a_topic_that_does_not_say_has_a_replica_in_each_zone(planned: Lab) -> None:
    """The controllers' defaults, which no broker is told any more."""
    admin = AdminClient({"bootstrap.servers": planned.outputs.bootstrap_servers["a"]})
    for made in admin.create_topics([NewTopic("silent", -1, -1)]).values():
        made.result(30)

    def replicas() -> list[int]:
        partitions = admin.list_topics("silent", timeout=5).topics["silent"].partitions
        return [len(partition.replicas) for partition in partitions.values()]

    assert wait_until(lambda: replicas() == [3, 3, 3], 30)
