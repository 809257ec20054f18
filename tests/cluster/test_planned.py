"""The lab boots what a plan sized: Kafka knows every setting that is rendered, and has it."""

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from blueprint.demand import Demand
from blueprint.host_settings import broker_overrides
from blueprint.planner import plan
from lab.cluster import Lab
from lab.config import LabConfig

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
    """An unknown or deprecated one is a line in a node's log."""
    logs = [planned.plan.state.logs / f"{node.name}.log" for node in planned.plan.topology.nodes]
    said = [line for log in logs for line in log.read_text().splitlines()]
    assert said
    bad = ("deprecated", "are not used yet", "Unknown configuration", "isn't a known config")
    assert [line for line in said if any(word in line for word in bad)] == []
