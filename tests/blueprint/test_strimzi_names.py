"""What Strimzi calls a cluster's parts, and how large a pod may be."""

from hypothesis import given
from hypothesis import strategies as st

from blueprint.machine_types import MACHINE_TYPES, MachineType
from blueprint.pod_sizes import pod_size
from blueprint.strimzi_names import StrimziNames
from blueprint.topology import Role, three_zones

NAMES = StrimziNames("kafka", "quorate")


def test_names_are_strimzis() -> None:
    """A pod is its cluster, its pool and its id; its host is within the brokers' service."""
    broker = three_zones().node(2)
    assert NAMES.pod(broker) == "kafka-broker-b-2"
    assert NAMES.host(broker) == "kafka-broker-b-2.kafka-kafka-brokers.quorate.svc"
    assert str(NAMES.bootstrap) == "kafka-kafka-bootstrap.quorate.svc:9093"
    assert NAMES.authority_secret == "kafka-cluster-ca-cert"


@given(st.integers(min_value=1, max_value=334))
def test_every_link_has_a_port_of_its_own(per_zone: int) -> None:
    """However large the cluster, proxies of a zone share no port, and each is a legal one."""
    topology = three_zones(per_zone)
    elsewhere = [node for node in topology.brokers if node.zone != "a"]
    ports = [NAMES.advertised("a", node).port for node in elsewhere]
    assert len(set(ports)) == len(elsewhere)
    assert all(1024 < port < 65_536 for port in ports)
    own = [node for node in topology.brokers if node.zone == "a"]
    assert all(NAMES.advertised("a", node) == NAMES.behind_link("a", node) for node in own)


@given(st.sampled_from(MACHINE_TYPES), st.sampled_from(Role))
def test_a_pod_leaves_room_on_its_machine(machine: MachineType, role: Role) -> None:
    """A pod asks for less than its machine has, and its heap leaves as much for the page cache."""
    size = pod_size(role, machine)
    assert size.memory_mib < machine.memory_gib * 1024
    assert size.heap_mib * 2 <= size.memory_mib
    assert 512 <= size.heap_mib <= 6144
