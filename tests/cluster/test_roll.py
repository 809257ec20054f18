"""A roll on real Kafka: one zone at a time, under load, nothing lost, finished if it was killed."""

import itertools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import BALANCED
from blueprint.problem import BadInput
from blueprint.security import Security
from chaos.interrupt import wait_until
from lab.cluster import Lab, tear_down
from lab.config import LabConfig
from lab.problem import LabError
from lab.roll import not_as_wanted, quorum_of, roll_to
from tests.cluster.steady_load import SteadyLoad

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
SETTING = "log.cleaner.backoff.ms"
BUDGET_S = predict(BALANCED, Loss.KILL, controller_inside=True).produce_s
_ADMINS: dict[str, AdminClient] = {}


def config(name: str, value: str, **other: object) -> LabConfig:
    """A lab with one setting of its own."""
    return LabConfig.model_validate({"name": name, "broker_overrides": {SETTING: value}, **other})


def admin_of(lab: Lab) -> AdminClient:
    """The lab's administrator; kept, since a request ends with the client that made it."""
    name = lab.plan.config.name
    if name not in _ADMINS:
        bootstrap = lab.outputs.bootstrap_servers["a"]
        settings = {"bootstrap.servers": bootstrap, **lab.plan.admin_settings()}
        _ADMINS[name] = AdminClient({**settings})
    return _ADMINS[name]


def in_force(lab: Lab) -> set[str | None]:
    """The setting as each broker has it.

    Asked by a new client: one that had a connection to a broker which was restarted since was seen
    to wait for it half a minute in vain.
    """
    settings = {"bootstrap.servers": lab.outputs.bootstrap_servers["a"]}
    admin, found = AdminClient({**settings, **lab.plan.admin_settings()}), set()
    for node in lab.plan.topology.brokers:
        asked = ConfigResource(ConfigResource.Type.BROKER, str(node.id))
        found.add(admin.describe_configs([asked])[asked].result(30)[SETTING].value)
    return found


def make_topic(lab: Lab, name: str) -> None:
    """A topic with a replica in each zone."""
    new = NewTopic(name, 6, 3, config={"min.insync.replicas": "2"})
    admin_of(lab).create_topics([new])[name].result(30)


def started(lab: Lab) -> dict[str, float]:
    """When each node's process was started."""
    return {
        row.name: psutil.Process(row.pid).create_time()
        for row in lab.status()
        if row.pid is not None
    }


@pytest.fixture(scope="module", params=[Security.PLAINTEXT, Security.SCRAM])
def rolled(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab to be rolled, once open and once secured."""
    name = f"roll-{uuid.uuid4().hex[:8]}"
    running = roll_to(config(name, "15000", security=request.param))
    try:
        make_topic(running, "steady")
        yield running
    finally:
        tear_down(name)


def again(lab: Lab, value: str) -> Lab:
    """Roll a lab to another value of the setting."""
    return roll_to(config(lab.plan.config.name, value, security=lab.plan.config.security))


def test_a_changed_setting_rolls_one_zone_at_a_time_and_loses_nothing(rolled: Lab) -> None:
    """Every node is restarted, a zone begins when the last is in sync, no gap is above budget."""
    before = started(rolled)
    bootstrap = rolled.outputs.bootstrap_servers["b"]
    said: list[str] = []
    with SteadyLoad(bootstrap, "steady", rolled.plan.admin_settings()) as load:
        wanted = config(rolled.plan.config.name, "14000", security=rolled.plan.config.security)
        lab = roll_to(wanted, said.append)
    assert in_force(lab) == {"14000"}
    after = started(lab)
    nodes = {node.name for node in lab.plan.topology.nodes}
    assert {name for name in before if before[name] != after[name]} == nodes
    order = [text[-1] for text in said if text.startswith("restarting zone")]
    assert sorted(order) == ["a", "b", "c"]
    times = {
        zone: [after[node.name] for node in lab.plan.topology.nodes if node.zone == zone]
        for zone in order
    }
    for earlier, later in itertools.pairwise(order):
        assert max(times[earlier]) < min(times[later])
    assert load.failed == []
    found = load.read_back()
    assert [number for number in load.acknowledged if found[number] != 1] == []
    assert load.worst_gap_s <= BUDGET_S
    assert not_as_wanted(wanted) == []


def test_leaders_are_where_they_are_preferred_after_a_roll(rolled: Lab) -> None:
    """The zone that was restarted last is not left without a leader."""
    lab = again(rolled, "13000")

    def led_as_preferred() -> bool:
        topic = admin_of(lab).list_topics(timeout=10).topics["steady"]
        return all(one.leader == one.replicas[0] for one in topic.partitions.values())

    assert wait_until(led_as_preferred, 20)


def test_the_same_config_again_restarts_nothing(rolled: Lab) -> None:
    """Not a node, not a link."""
    lab = again(rolled, "13000")
    before = started(lab)
    assert started(again(lab, "13000")) == before


def test_a_roll_that_was_killed_is_finished_by_the_next(rolled: Lab) -> None:
    """Killed while the second zone restarts: the first is left alone, the rest follows."""
    name, security = rolled.plan.config.name, rolled.plan.config.security.value
    code = (
        "import sys; from lab.roll import roll_to; from lab.config import LabConfig;"
        "roll_to(LabConfig.model_validate_json(sys.argv[1]), lambda t: print(t, flush=True))"
    )
    wanted = config(name, "12000", security=security)
    process = subprocess.Popen(
        [sys.executable, "-c", code, wanted.model_dump_json()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    zones = (line[-2] for line in process.stdout if line.startswith("restarting zone"))
    first, _ = next(zones), next(zones)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    assert "the end of what was begun" in not_as_wanted(wanted)
    before = started(rolled)
    lab = again(rolled, "12000")
    assert in_force(lab) == {"12000"}
    kept = {name for name, at in started(lab).items() if before.get(name) == at}
    done = {node.name for node in lab.plan.topology.nodes if node.zone == first}
    assert done <= kept
    assert not_as_wanted(wanted) == []


def test_a_setting_that_kafka_refuses_stops_at_the_first_zone(rolled: Lab) -> None:
    """Two zones go on, the log is named, and the corrected setting rolls on from there."""
    with pytest.raises(LabError, match=r"broker-\d|controller-\d"):
        again(rolled, "no number")
    dead = [row.zone for row in rolled.status() if row.pid is None]
    assert len(set(dead)) == 1
    lab = again(rolled, "11000")
    assert in_force(lab) == {"11000"}


def test_the_quorum_says_who_leads_and_who_is_behind(rolled: Lab) -> None:
    """Every controller is a voter of it."""
    ids = {node.id for node in rolled.plan.topology.controllers}
    quorum = quorum_of(rolled.plan)
    assert quorum is not None
    assert quorum.leader in ids
    assert set(quorum.behind) == ids


def test_what_a_roll_cannot_change_is_refused(rolled: Lab) -> None:
    """The security mode is another lab's; the message says what to do and nothing is touched."""
    before = started(rolled)
    name = rolled.plan.config.name
    with pytest.raises(BadInput, match=f"lab down --name {name}"):
        roll_to(config(name, "11000", security="mtls"))
    assert started(rolled) == before
    assert (
        json.loads((rolled.plan.state.folder / "lab.json").read_text())["config"]["security"]
        == rolled.plan.config.security.value
    )
