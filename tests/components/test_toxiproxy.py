"""What clients are told, what proxies listen to and what brokers advertise are one thing."""

import json

import pytest

from blueprint.outputs import load
from blueprint.strimzi_names import StrimziNames
from blueprint.topology import Plane, three_zones
from components.strimzi_outputs import in_cluster, stack_outputs
from components.toxiproxy import client_links, link_outputs, proxies_json
from tests.engine.kubernetes_stack import blueprint

NAMES = StrimziNames("kafka", "quorate")


@pytest.mark.parametrize("per_zone", [1, 2, 5])
def test_every_link_of_clients_has_its_proxy(per_zone: int) -> None:
    """Each zone's proxies are before every broker of the others, once, as the outputs say."""
    topology = three_zones(per_zone)
    said = {link.name: link for link in link_outputs(NAMES, topology)}
    wanted = [link for link in topology.links() if link.plane is Plane.CLIENT]
    assert sorted(said) == sorted(link.name for link in wanted)
    for zone in topology.zones:
        proxies = json.loads(proxies_json(NAMES, client_links(topology, zone)))
        assert len(proxies) == 2 * per_zone
        for proxy in proxies:
            link = said[proxy["name"]]
            assert link.source_zone == zone
            assert link.upstream == proxy["upstream"]
            assert link.listen.rpartition(":")[2] == proxy["listen"].rpartition(":")[2]


def test_the_outputs_are_good_and_hold_no_secret() -> None:
    """They are read back by the suite; where credentials are kept is said, and no more."""
    outputs = stack_outputs(blueprint("quorate"), NAMES, "kubernetes")
    assert load(outputs.to_json()) == outputs
    assert outputs.security is not None
    assert outputs.security.ca_secret == "quorate/kafka-cluster-ca-cert"
    assert outputs.security.credentials.at == "quorate/quorate-chaos"
    assert outputs.profile == "balanced"
    assert outputs.bootstrap_servers["a"].startswith("kafka-broker-a-1.kafka-kafka-brokers.")


def test_inside_the_cluster_no_context_is_chosen() -> None:
    """A game day that runs in the cluster is told of no kubeconfig of somebody's machine."""
    wanted = blueprint("quorate", kubernetes={"namespace": "quorate", "context": "of-a-laptop"})
    outputs = stack_outputs(wanted, NAMES, "kubernetes")
    inside = in_cluster(outputs)
    assert outputs.kubernetes is not None
    assert inside.kubernetes is not None
    assert (outputs.kubernetes.context, inside.kubernetes.context) == ("of-a-laptop", None)
    assert inside.model_copy(update={"kubernetes": outputs.kubernetes}) == outputs
