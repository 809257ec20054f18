"""Where fleets and brokers run: over three zones, and still when one of them is gone."""

from dataclasses import replace
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from blueprint.failover_profile import BALANCED, RELAXED, FailoverProfile
from blueprint.fleets import FleetSpec
from blueprint.security import Security
from blueprint.strimzi_names import StrimziNames
from blueprint.topology import three_zones
from components.consumer_fleet import ConsumerFleet, ConsumerFleetArgs
from components.kafka_identity import KafkaIdentity
from components.strimzi_cluster import CONTAINER_SECURITY, StrimziCluster, StrimziClusterArgs
from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Api, ApiError, Object, Reference, wait_for
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.control_plane.nodes import ZONE_LABEL
from tests.engine.harness.engine import StandIn
from tests.engine.harness.results import Difference
from tests.engine.kubernetes_stack import blueprint

pytestmark = pytest.mark.engine

FLEET = "quorate.io/fleet=billing"


@pytest.fixture
def restricted(control_plane: ControlPlane, namespace: str) -> str:
    """A namespace that admits only what the ``restricted`` standard allows, as the stack's does."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    control_plane.api.patch(
        Reference("v1", "Namespace", namespace), {"metadata": {"labels": labels}}
    )
    return namespace


def fleet_of_six(
    namespace: str,
    image: str = "fleet:1",
    instances: int = 6,
    profile: FailoverProfile = BALANCED,
) -> None:
    """Declare a fleet alone."""
    spec = FleetSpec(
        name="billing",
        image=image,
        consumes=("orders",),
        produces=(),
        instances=instances,
        most_instances=12,
        threads=4,
        drain_deadline_s=30,
        cpu_millis=500,
        memory_mib=256,
    )
    identity = KafkaIdentity(Security.SCRAM, "billing", "billing", "kafka-cluster-ca-cert")
    ConsumerFleet(
        "billing",
        ConsumerFleetArgs(spec, namespace, "kafka:9093", identity, (), (9093,), profile),
    )


class Placement:
    """What was placed where in one namespace."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        """Look at this namespace."""
        self.api: Api = plane.api
        self._nodes = plane.nodes
        self._namespace = namespace

    def pods(self, selector: str) -> list[Object]:
        """Pods that are not on their way out."""
        found = self.api.objects("v1", "Pod", self._namespace, labelSelector=selector)
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def zones(self, selector: str) -> dict[str | None, int]:
        """How many are in each zone; None for those that wait."""
        counts: dict[str | None, int] = {}
        for pod in self.pods(selector):
            zone = self._nodes.zone_of(pod)
            counts[zone] = counts.get(zone, 0) + 1
        return counts

    def await_zones(self, selector: str, wanted: dict[str | None, int]) -> None:
        """Wait until they are placed so."""
        try:
            wait_for(f"{selector} to be {wanted}", lambda: self.zones(selector) == wanted, 60)
        except TimeoutError as late:
            raise AssertionError(f"{late}; it is {self.zones(selector)}") from None

    def await_budget(self, name: str, *, allowed: int, healthy: int) -> None:
        """Wait until a disruption budget counts so."""
        reference = Reference("policy/v1", "PodDisruptionBudget", name, self._namespace)

        def counted() -> bool:
            status = (self.api.get(reference) or {}).get("status", {})
            found = (status.get("disruptionsAllowed"), status.get("currentHealthy"))
            return found == (allowed, healthy)

        wait_for(f"{name} to allow {allowed} with {healthy} healthy", counted, 60)

    def evict(self, pod: Object) -> None:
        """Ask for a pod to leave its node, as a drain does."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{self._namespace}/pods/{metadata['name']}/eviction"
        name = {"name": metadata["name"], "namespace": self._namespace}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name}
        self.api.request("POST", path, body=body)


@pytest.fixture
def placement(control_plane: ControlPlane, restricted: str) -> Placement:
    """Of the test's namespace."""
    return Placement(control_plane, restricted)


def test_a_fleet_is_even_and_survives_a_zone(
    program_engine: ProgramEngines,
    kubernetes: StandIn,
    control_plane: ControlPlane,
    restricted: str,
    placement: Placement,
) -> None:
    """Six instances are two in each zone; with a zone gone three in each other, all in budget."""
    program_engine(lambda: fleet_of_six(restricted), kubernetes).up()
    placement.await_zones(FLEET, {"a": 2, "b": 2, "c": 2})
    placement.await_budget("billing", allowed=1, healthy=6)
    for pod in placement.pods(FLEET):
        # What QUORATE_ZONE, and with it client.rack, is read from.
        assert pod["metadata"]["labels"][ZONE_LABEL] == control_plane.nodes.zone_of(pod)

    control_plane.nodes.lose_zone("a")
    placement.await_zones(FLEET, {"b": 3, "c": 3})
    placement.await_budget("billing", allowed=1, healthy=6)


def test_a_fleet_rolls_while_a_zone_is_cordoned(
    program_engine: ProgramEngines,
    kubernetes: StandIn,
    control_plane: ControlPlane,
    restricted: str,
    placement: Placement,
) -> None:
    """A zone whose nodes take nothing new does not hold up the next version of a fleet."""
    engine = program_engine(lambda: fleet_of_six(restricted), kubernetes)
    engine.up()
    placement.await_zones(FLEET, {"a": 2, "b": 2, "c": 2})
    control_plane.nodes.cordon_zone("a")
    engine.become(lambda: fleet_of_six(restricted, image="fleet:2"))
    assert list(engine.up().differences()) == ["billing"]
    placement.await_zones(FLEET, {"b": 3, "c": 3})
    images = {pod["spec"]["containers"][0]["image"] for pod in placement.pods(FLEET)}
    assert images == {"fleet:2"}


def test_replicas_are_the_autoscalers(
    program_engine: ProgramEngines, kubernetes: StandIn, restricted: str, placement: Placement
) -> None:
    """A plan of more instances moves the autoscaler's least, and never the number that runs now."""
    engine = program_engine(lambda: fleet_of_six(restricted), kubernetes)
    engine.up()
    engine.become(lambda: fleet_of_six(restricted, instances=9))
    assert engine.up().differences() == {
        "billing-lag": {
            "spec.fallback.replicas": Difference("update", 6, 9),
            "spec.minReplicaCount": Difference("update", 6, 9),
        }
    }
    scaled = placement.api.get(Reference("keda.sh/v1alpha1", "ScaledObject", "billing", restricted))
    assert scaled is not None
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (9, 12)
    # What KEDA's autoscaler does, and then something else of the fleet changes.
    which = Reference("apps/v1", "Deployment", "billing", restricted)
    placement.api.patch(which, {"spec": {"replicas": 8}}, "scale")
    engine.become(lambda: fleet_of_six(restricted, instances=9, image="fleet:2"))
    assert "billing" in engine.up().differences()
    deployment = placement.api.get(which)
    assert deployment is not None
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["image"], deployment["spec"]["replicas"]) == ("fleet:2", 8)
    assert engine.up().changed() == ()


def test_changed_settings_roll_a_fleet(
    program_engine: ProgramEngines, kubernetes: StandIn, restricted: str, placement: Placement
) -> None:
    """Other time-outs are another object of settings, which new pods are made for."""
    engine = program_engine(lambda: fleet_of_six(restricted), kubernetes)
    engine.up()
    placement.await_zones(FLEET, {"a": 2, "b": 2, "c": 2})
    before = {pod["metadata"]["name"] for pod in placement.pods(FLEET)}
    engine.become(lambda: fleet_of_six(restricted, profile=RELAXED))
    changed = engine.up()
    assert set(changed.differences()) == {"billing", "billing-settings"}
    wait_for(
        "every pod to be a new one",
        lambda: not before & {pod["metadata"]["name"] for pod in placement.pods(FLEET)},
        90,
    )
    placement.await_zones(FLEET, {"a": 2, "b": 2, "c": 2})


def pods_of(pool: Object) -> list[Object]:
    """The pods of a node pool, as Strimzi's operator makes them from what the pool says."""
    spec, metadata = pool["spec"], pool["metadata"]
    template = spec["template"]["pod"]
    ids = metadata["annotations"]["strimzi.io/next-node-ids"].strip("[]").split(",")
    labels = {
        "strimzi.io/cluster": "kafka",
        "strimzi.io/name": "kafka-kafka",
        "strimzi.io/pool-name": metadata["name"],
        **{f"strimzi.io/{role}-role": "true" for role in spec["roles"]},
    }
    container: dict[str, Any] = {
        "name": "kafka",
        "image": "kafka:1",
        "resources": spec["resources"],
        "securityContext": CONTAINER_SECURITY,
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"kafka-{metadata['name']}-{id_}",
                "namespace": metadata["namespace"],
                "labels": labels,
            },
            "spec": {
                "affinity": template["affinity"],
                "securityContext": template["securityContext"],
                "containers": [container],
            },
        }
        for id_ in ids
    ]


def cluster_with_budget(namespace: str, per_zone: int) -> None:
    """Declare a cluster, and the disruption budget that the operator makes of its template."""
    wanted = replace(blueprint(namespace), topology=three_zones(per_zone))
    StrimziCluster(
        "kafka",
        StrimziClusterArgs(
            blueprint=wanted,
            names=StrimziNames("kafka", namespace),
            zone_labels={zone: zone for zone in wanted.topology.zones},
            admitted=[{"podSelector": {}}],
        ),
    )
    k8s.policy.v1.PodDisruptionBudget(
        "kafka-kafka",
        metadata=k8s.meta.v1.ObjectMetaArgs(name="kafka-kafka", namespace=namespace),
        spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
            # Pods of no scaled controller: the operator turns "one may be away" into this.
            min_available=len(wanted.topology.nodes) - 1,
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"strimzi.io/name": "kafka-kafka"}),
        ),
    )


@pytest.mark.parametrize("per_zone", [1, 2])
def test_brokers_and_controllers_are_in_their_zones(
    program_engine: ProgramEngines,
    kubernetes: StandIn,
    control_plane: ControlPlane,
    restricted: str,
    placement: Placement,
    per_zone: int,
) -> None:
    """As many brokers in each zone, one controller; a lost zone stops every drain of the others."""
    program_engine(lambda: cluster_with_budget(restricted, per_zone), kubernetes).up()
    pools = control_plane.api.objects("kafka.strimzi.io/v1", "KafkaNodePool", restricted)
    for pool in pools:
        for pod in pods_of(pool):
            control_plane.api.create(pod)
    brokers, controllers = "strimzi.io/broker-role=true", "strimzi.io/controller-role=true"
    placement.await_zones(brokers, dict.fromkeys("abc", per_zone))
    placement.await_zones(controllers, dict.fromkeys("abc", 1))
    hosts = [pod["spec"]["nodeName"] for pod in placement.pods(brokers)]
    assert len(set(hosts)) == len(hosts)
    everyone = 3 * per_zone + 3
    placement.await_budget("kafka-kafka", allowed=1, healthy=everyone)

    control_plane.nodes.lose_zone("b")
    placement.await_zones(brokers, dict.fromkeys("ac", per_zone))
    placement.await_zones(controllers, dict.fromkeys("ac", 1))
    placement.await_budget("kafka-kafka", allowed=0, healthy=everyone - per_zone - 1)
    with pytest.raises(ApiError) as refused:
        placement.evict(placement.pods(brokers)[0])
    assert refused.value.status == 429
