"""A stack of the target ``kubernetes``, judged by a real API server with the operators' kinds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from blueprint import strimzi
from blueprint.outputs import load
from tests.engine.conftest import ProgramEngines, ProjectEngines
from tests.engine.control_plane.api import Api, Object, Reference
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import EngineFailed, StandIn
from tests.engine.harness.results import Difference
from tests.engine.kubernetes_stack import DEMAND, blueprint, new_namespace, program, topics, unread

pytestmark = pytest.mark.engine

STRIMZI = "kafka.strimzi.io/v1"


@pytest.fixture
def api(control_plane: ControlPlane) -> Api:
    """A client with every right."""
    return control_plane.api


@pytest.fixture
def made(api: Api) -> Iterator[str]:
    """The name of a namespace for a stack to make; gone after the test, whatever came of it."""
    name = new_namespace()
    yield name
    api.delete(Reference("v1", "Namespace", name))


def kafka(api: Api, namespace: str) -> Object:
    """The Kafka resource as the API server has it."""
    found = api.get(Reference(STRIMZI, "Kafka", "kafka", namespace))
    assert found is not None
    return found


def mounted(api: Api, namespace: str, pod: Object) -> Any:  # noqa: ANN401 - a fleet's JSON.
    """The settings that a fleet's pod finds."""
    name = next(one["configMap"]["name"] for one in pod["volumes"] if one["name"] == "settings")
    found = api.get(Reference("v1", "ConfigMap", name, namespace))
    assert found is not None
    assert found["immutable"]
    return json.loads(found["data"]["settings.json"])


def assert_watched(api: Api, namespace: str) -> None:
    """Rules, monitors and dashboard are admitted, and what is to be asked may be asked."""
    monitoring = "monitoring.coreos.com/v1"
    (rules,) = api.objects(monitoring, "PrometheusRule", namespace)
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    assert {rule["alert"] for rule in rules["spec"]["groups"][0]["rules"]} >= {
        "FleetLagEmergency",
        "KafkaOfflinePartitions",
        "NoGameDay",
    }
    monitors = {
        one["metadata"]["name"]: one["spec"]["podMetricsEndpoints"]
        for one in api.objects(monitoring, "PodMonitor", namespace)
    }
    assert [one["port"] for one in monitors["fleets"]] == ["health"]
    assert [one["portNumber"] for one in monitors["brokers"]] == [9404]
    (board,) = api.objects("v1", "ConfigMap", namespace, labelSelector="grafana_dashboard=1")
    (text,) = board["data"].values()
    assert json.loads(text)["panels"]
    policy = api.get(Reference("networking.k8s.io/v1", "NetworkPolicy", "billing", namespace))
    assert policy is not None
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"][0]["port"] == 8080
    selector = rule["from"][0]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}


#: Five runs of the engine, the language host and all: a minute and a half on two idle cores.
@pytest.mark.timeout(600)
def test_the_project_stack_lives(
    project_engine: ProjectEngines, kubernetes: StandIn, control_plane: ControlPlane
) -> None:
    """Preview makes nothing, up all of it, up again nothing; an override is its diff; then gone."""
    api, namespace = control_plane.api, Reference("v1", "Namespace", "quorate")
    engine = project_engine("kubernetes", kubernetes)

    assert set(engine.preview().counts) == {"create"}
    assert api.get(namespace) is None
    assert set(engine.up().counts) == {"create"}
    assert load(json.dumps(engine.outputs()["quorate"])).target == "kubernetes"
    assert not engine.secret_outputs()
    assert api.objects("v1", "Secret", "quorate") == []
    again = engine.up()
    assert again.changed() == ()

    engine.configure({"quorate:broker_overrides": json.dumps({"num.io.threads": "16"})})
    changed = engine.up()
    assert changed.differences()["kafka"] == {
        'spec.kafka.config["num.io.threads"]': Difference("add", None, "16")
    }
    # The suite is told what the cluster is: its outputs are another object, which its job mounts.
    resources = [one for one in changed.changed() if not one.type.startswith("pulumi:")]
    assert {one.name for one in resources} == {"kafka", "game-day", "game-day-outputs"}

    engine.destroy()
    assert api.get(namespace) is None


def test_what_is_declared(
    program_engine: ProgramEngines, kubernetes: StandIn, api: Api, made: str
) -> None:
    """Cluster, users and rights are as the blueprint has them, in the API server's own words."""
    engine = program_engine(program(made), kubernetes)
    engine.up()
    wanted = blueprint(made)

    resource = kafka(api, made)
    assert strimzi.effective_settings(resource) == strimzi.config(
        wanted.topology, wanted.broker_settings
    )
    spec = resource["spec"]["kafka"]
    assert spec["rack"]["topologyKey"] == "topology.kubernetes.io/zone"
    assert spec["authorization"] == {"type": "simple", "superUsers": ["quorate-admin"]}
    assert {one["authentication"]["type"] for one in spec["listeners"]} == {"scram-sha-512"}
    assert all(one["tls"] and one["networkPolicyPeers"] for one in spec["listeners"])

    pools = api.objects(STRIMZI, "KafkaNodePool", made)
    assert {one["metadata"]["name"]: one["spec"]["replicas"] for one in pools} == {
        f"{role}-{zone}": 1 for role in ("broker", "controller") for zone in "abc"
    }
    assert not any(one["spec"]["storage"]["volumes"][0]["deleteClaim"] for one in pools)

    users = {
        one["metadata"]["name"]: one["spec"] for one in api.objects(STRIMZI, "KafkaUser", made)
    }
    assert set(users) == {"billing", "shop", "quorate-chaos"}
    assert [acl["resource"]["type"] for acl in users["billing"]["authorization"]["acls"]] == [
        "topic",
        "group",
        "topic",
    ]
    letters = users["billing"]["authorization"]["acls"][-1]
    assert (letters["resource"]["name"], letters["operations"]) == (
        "billing-dead-letter",
        ["Write"],
    )
    assert users["shop"]["quotas"]["consumerByteRate"] == 1
    assert "quotas" not in users["quorate-chaos"]

    deployment = api.get(Reference("apps/v1", "Deployment", "billing", made))
    assert deployment is not None
    pod = deployment["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > wanted.fleets[0].drain_deadline_s
    settings = mounted(api, made, pod)
    assert settings["topics"] == ["orders"]
    consumer = settings["consumer"]
    assert (consumer["security.protocol"], consumer["sasl.username"]) == ("SASL_SSL", "billing")
    assert consumer["bootstrap.servers"] == f"kafka-kafka-bootstrap.{made}.svc:9093"
    assert "sasl.password" not in consumer

    assert_watched(api, made)

    chaos = [one for one in spec["listeners"] if one["name"] == "chaosa"]
    assert chaos[0]["configuration"]["brokers"] == [
        {
            "broker": id_,
            "advertisedHost": f"kafka-toxiproxy-a.{made}.svc",
            "advertisedPort": 20_000 + id_,
        }
        for id_ in (2, 3)
    ]
    engine.destroy()


def test_without_chaos_nothing_can_be_disturbed(
    program_engine: ProgramEngines, kubernetes: StandIn, api: Api, made: str
) -> None:
    """Without chaos there is no proxy, no suite, no listener for it and no label that allows it."""
    engine = program_engine(program(made, chaos=False, game_day=None, security="mtls"), kubernetes)
    engine.up()

    spec = kafka(api, made)["spec"]["kafka"]
    assert [one["name"] for one in spec["listeners"]] == ["client"]
    assert spec["listeners"][0]["authentication"] == {"type": "tls"}
    assert spec["authorization"]["superUsers"] == ["CN=quorate-admin"]
    users = [one["metadata"]["name"] for one in api.objects(STRIMZI, "KafkaUser", made)]
    assert sorted(users) == ["billing", "shop"]
    labels = api.objects("v1", "Namespace", labelSelector="quorate.io/chaos")
    assert made not in [one["metadata"]["name"] for one in labels]
    outputs = load(json.dumps(engine.outputs()["quorate"]))
    assert outputs.links == ()
    assert outputs.kubernetes is not None
    assert outputs.kubernetes.chaos_label is None
    engine.destroy()


def test_a_topic_grows_and_keeps_its_promise(
    program_engine: ProgramEngines, kubernetes: StandIn, api: Api, made: str
) -> None:
    """Partitions grow; fewer of them, or a lower min.isr, are refused and nothing is changed."""
    engine = program_engine(program(made, topics=topics(12)), kubernetes)
    engine.up()
    engine.become(program(made, topics=topics(24)))
    grown = engine.up()
    assert grown.differences()["topic-orders"] == {"spec.partitions": Difference("update", 12, 24)}
    before = kafka(api, made)["metadata"]["resourceVersion"]

    # Something else changes too: it must not happen either.
    other = {"broker_overrides": {"num.io.threads": "16"}}
    engine.become(program(made, topics=topics(6, min_insync_replicas=1), **other))
    for operation in (engine.preview, engine.up):
        with pytest.raises(EngineFailed) as refused:
            operation()
        assert "topics.orders.partitions: got 6; legal: 24 or more" in str(refused.value)
        assert "topics.orders.min_insync_replicas: got 1; legal: 2 or more" in str(refused.value)
    assert kafka(api, made)["metadata"]["resourceVersion"] == before
    topic = api.get(Reference(STRIMZI, "KafkaTopic", "orders", made))
    assert topic is not None
    assert topic["spec"]["partitions"] == 24
    # Half the retention would be half the volume, which no volume can become.
    engine.become(program(made, topics=topics(24), demand=DEMAND | {"retention_h": 12}))
    with pytest.raises(EngineFailed, match="a volume can grow and never shrink"):
        engine.preview()
    engine.become(program(made, topics=topics(24)))
    engine.destroy()


def test_what_the_api_server_refuses_is_seen_at_preview(
    program_engine: ProgramEngines, kubernetes: StandIn, api: Api, made: str
) -> None:
    """A cron line that is none is refused with the field's name, and nothing is made."""
    engine = program_engine(unread(made), kubernetes)
    with pytest.raises(EngineFailed) as refused:
        engine.preview()
    assert "spec.schedule" in str(refused.value)
    assert "422" in str(refused.value)
    assert api.get(Reference("v1", "Namespace", made)) is None


def test_a_half_failed_up_is_repeated(
    program_engine: ProgramEngines, kubernetes: StandIn, api: Api, made: str
) -> None:
    """What was made before something was refused stays, and the next up makes the rest of it."""
    engine = program_engine(unread(made), kubernetes)
    with pytest.raises(EngineFailed) as refused:
        engine.up()
    assert refused.value.result.counts["create"] > 10
    uid = kafka(api, made)["metadata"]["uid"]

    engine.become(program(made))
    engine.up()
    assert kafka(api, made)["metadata"]["uid"] == uid
    assert api.get(Reference("batch/v1", "CronJob", "game-day", made)) is not None
    assert engine.up().changed() == ()
    engine.destroy()
