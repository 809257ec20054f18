"""The target ``local``, for real: the CLI, the lab, its topics and quotas, from up to destroy."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewPartitions

from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import BALANCED
from chaos.interrupt import wait_until
from components.quota_client import CLIENT_ID, QuotaClient, QuotaEntity
from lab.tools.pulumi import PulumiTools
from tests.cluster.conftest import Door
from tests.cluster.steady_load import SteadyLoad
from tests.engine.harness import EngineFailed
from tests.engine.local_stack import STACK, LocalStack, local_stack

pytestmark = [pytest.mark.engine, pytest.mark.cluster]

SETTING = "log.cleaner.backoff.ms"
BUDGET_S = predict(BALANCED, Loss.KILL, controller_inside=True).produce_s
#: The cluster's component, the lab, two topics and one of dead letters, two quotas.
RESOURCES = 7


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, pulumi_tools: PulumiTools
) -> Iterator[LocalStack]:
    """The project's stack, up; every test leaves it whole."""
    with local_stack(tmp_path_factory.mktemp("local"), pulumi_tools) as made:
        assert made.engine.up().counts == {"create": RESOURCES}
        yield made


def partitions(stack: LocalStack, topic: str) -> int:
    """As the cluster has them."""
    return len(stack.admin().list_topics(timeout=10).topics[topic].partitions)


def topics(**changed: object) -> list[dict[str, object]]:
    """The stack's two topics, the second one with these fields."""
    return [{"name": "orders"}, {"name": "orders.failed", "partitions": 3} | changed]


def test_a_declared_topic_takes_and_gives_records(stack: LocalStack) -> None:
    """Through the bootstrap servers that the stack exports, in each zone."""
    for zone, bootstrap in stack.outputs().bootstrap_servers.items():
        with SteadyLoad(bootstrap, "orders.failed") as load:
            pass
        found = load.read_back()
        assert load.acknowledged, zone
        assert set(load.acknowledged) <= set(found)


def test_up_again_changes_nothing(stack: LocalStack) -> None:
    """Not one resource, and not one process."""
    before = stack.pids()
    assert stack.engine.up().counts == {"same": RESOURCES}
    assert stack.pids() == before


def test_quotas_are_in_force(stack: LocalStack) -> None:
    """As Kafka says, for the client ids of those who need not prove who they are."""
    bootstrap = stack.outputs().bootstrap_servers["a"]
    client = QuotaClient({"bootstrap.servers": bootstrap})
    try:
        billing = client.get(QuotaEntity(CLIENT_ID, "billing"))
        shop = client.get(QuotaEntity(CLIENT_ID, "shop"))
    finally:
        client.close()
    assert set(billing) == {"producer_byte_rate", "consumer_byte_rate", "request_percentage"}
    assert billing["consumer_byte_rate"] == 2 * billing["producer_byte_rate"]
    assert shop["consumer_byte_rate"] == 1


@pytest.mark.parametrize("refresh_first", [False, True])
def test_a_process_that_died_is_started_again(stack: LocalStack, refresh_first: bool) -> None:
    """By a plain up, and by one after a refresh; nothing else is touched."""
    before = stack.pids()
    stack.lab().kill(2)
    if refresh_first:
        stack.engine.refresh()
    result = stack.engine.up()
    assert result.counts == {"update": 1, "same": RESOURCES - 1}
    after = stack.pids()
    assert {name for name in before if before[name] != after[name]} == {"broker-2"}
    assert all(after.values())


def test_a_lab_that_died_whole_is_started_with_its_records(stack: LocalStack) -> None:
    """Every process gone, as after a restart of the machine: a refresh and an up bring it back."""
    with SteadyLoad(stack.outputs().bootstrap_servers["a"], "orders") as load:
        pass
    stack.lab().kill(*(node.id for node in stack.lab().plan.topology.nodes))
    stack.engine.refresh()
    stack.engine.up()
    assert all(stack.pids().values())
    assert set(load.acknowledged) <= set(load.read_back())


def test_a_changed_setting_rolls_zone_by_zone_under_load(stack: LocalStack) -> None:
    """Nothing acknowledged is lost, no gap is above budget, and the setting is in force."""
    before = stack.outputs()
    bootstrap = before.bootstrap_servers["b"]
    stack.set(broker_overrides={SETTING: "14000"})
    with SteadyLoad(bootstrap, "orders") as load:
        result = stack.engine.up()
    assert result.counts == {"update": 1, "same": RESOURCES - 1}
    [rolled] = result.of_type("pulumi-python:dynamic/quorate:Lab")
    assert rolled.operation == "update"
    plan, pids = stack.lab().plan, stack.pids()
    started = {
        zone: [
            psutil.Process(pids[node.name]).create_time()
            for node in plan.topology.nodes
            if node.zone == zone
        ]
        for zone in plan.topology.zones
    }
    order = sorted(started.values(), key=min)
    assert max(order[0]) < min(order[1])
    assert max(order[1]) < min(order[2])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for node in plan.topology.brokers:
        asked = ConfigResource(ConfigResource.Type.BROKER, str(node.id))
        found = admin.describe_configs([asked])[asked].result(30)
        assert found[SETTING].value == "14000"
    assert load.failed == []
    read = load.read_back()
    assert [number for number in load.acknowledged if number not in read] == []
    assert load.worst_gap_s <= BUDGET_S
    assert stack.outputs().broker_settings == before.broker_settings | {SETTING: "14000"}
    assert stack.engine.up().counts == {"same": RESOURCES}


def test_a_topic_grows_and_its_settings_change(stack: LocalStack) -> None:
    """In place; a refresh then finds all as it is declared."""
    stack.set(topics=topics(partitions=5, retention_h=2))
    assert stack.engine.up().counts == {"update": 1, "same": RESOURCES - 1}
    assert partitions(stack, "orders.failed") == 5
    asked = ConfigResource(ConfigResource.Type.TOPIC, "orders.failed")
    admin = stack.admin()
    found = admin.describe_configs([asked])[asked].result(30)
    assert found["retention.ms"].value == "7200000"
    assert stack.engine.refresh().changed() == ()
    assert stack.engine.up().counts == {"same": RESOURCES}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"partitions": 2}, "partitions can grow and never shrink"),
        ({"partitions": 9, "min_insync_replicas": 1}, "control-min-isr-1"),
    ],
)
def test_a_promise_is_kept_at_the_preview(
    stack: LocalStack, change: dict[str, object], said: str
) -> None:
    """A topic that would shrink or promise less is refused before anything is changed."""
    before = partitions(stack, "orders.failed")
    stack.set(topics=topics(**change))
    for operation in (stack.engine.preview, stack.engine.up):
        with pytest.raises(EngineFailed, match=said) as failure:
            operation()
        assert failure.value.result.changed() == ()
        assert "Traceback" not in failure.value.said
    assert partitions(stack, "orders.failed") == before
    stack.set(topics=topics(partitions=before))
    stack.engine.up()


def test_what_grew_elsewhere_is_not_shrunk(stack: LocalStack) -> None:
    """A topic that somebody grew by hand: the preview says how many there really are."""
    had = partitions(stack, "orders.failed")
    grown = NewPartitions("orders.failed", had + 2)
    admin = stack.admin()
    admin.create_partitions([grown])["orders.failed"].result(30)
    stack.set(topics=topics(partitions=had + 1))
    with pytest.raises(EngineFailed, match=f"{had + 2} or more"):
        stack.engine.preview()
    stack.set(topics=topics(partitions=had + 2))
    stack.engine.up()
    assert partitions(stack, "orders.failed") == had + 2


def test_a_topic_that_is_no_longer_declared_is_deleted(stack: LocalStack) -> None:
    """Added, and taken away again."""
    stack.set(topics=[*topics(partitions=partitions(stack, "orders.failed")), {"name": "extra"}])
    assert stack.engine.up().counts["create"] == 1
    assert "extra" in stack.admin().list_topics(timeout=10).topics
    stack.set(topics=topics(partitions=partitions(stack, "orders.failed")))
    assert stack.engine.up().counts["delete"] == 1
    admin = stack.admin()
    assert wait_until(lambda: "extra" not in admin.list_topics(timeout=10).topics, 20)


@pytest.mark.quiet
def test_the_game_day_passes_on_what_the_stack_exports(stack: LocalStack, tmp_path: Path) -> None:
    """As a user runs it, by the stack's name."""
    chaos = Door("chaos", stack.room.environment())
    done = chaos.call("run", "gameday", "--stack", STACK, "--runs-dir", str(tmp_path / "runs"))
    (run_dir,) = (tmp_path / "runs").iterdir()
    verdict = json.loads((run_dir / "verdict.json").read_text())
    assert verdict["outcome"] == "PASS", done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict["records"]["acknowledged"] > 0
    assert verdict["records"]["lost"] == verdict["records"]["duplicated"] == 0


def test_destroy_leaves_nothing(stack: LocalStack) -> None:
    """No resource, no process, no folder; and an up begins anew."""
    assert stack.processes()
    assert stack.engine.destroy().counts == {"delete": RESOURCES}
    assert stack.processes() == []
    assert not stack.engine.state().get("resources")
