"""One renderer of server.properties."""

import pytest

from blueprint.broker_settings import (
    DERIVED,
    OWN_ZONE_WEIGHT,
    BrokerSettings,
    listener_names,
    render_properties,
    server_properties,
    settings_problems,
)
from blueprint.failover_profile import BALANCED, PROFILES, FailoverProfile
from blueprint.listeners import ClusterAddresses, Endpoint, NodeAddresses, Ports
from blueprint.problem import BadInput
from blueprint.topology import Node, Role, three_zones

TOPOLOGY = three_zones()


def addresses() -> ClusterAddresses:
    """Every node at an address of its own."""
    ports = Ports()

    def of(node: Node) -> NodeAddresses:
        names = listener_names(TOPOLOGY, node)
        advertised = {name: Endpoint(node.name, ports.of(name)) for name in names}
        return NodeAddresses(f"127.9.0.{node.id}", advertised)

    quorum = tuple(Endpoint(node.name, ports.controller) for node in TOPOLOGY.controllers)
    return ClusterAddresses(ports, {node.id: of(node) for node in TOPOLOGY.nodes}, quorum)


def render(node: Node, settings: BrokerSettings) -> dict[str, str]:
    """The properties of one node."""
    return server_properties(TOPOLOGY, node, addresses(), settings, "/data")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_node_gets_the_durable_defaults(profile: FailoverProfile) -> None:
    """min.isr 2, unclean election off, no automatic topics; RF 3 where topics are created."""
    for node in TOPOLOGY.nodes:
        properties = render(node, BrokerSettings(profile))
        factor = properties.get("default.replication.factor")
        assert factor == (None if node.role is Role.BROKER else "3")
        assert properties["min.insync.replicas"] == "2"
        assert properties["unclean.leader.election.enable"] == "false"
        assert properties["auto.create.topics.enable"] == "false"
        assert properties["broker.session.timeout.ms"] == str(profile.broker_session_timeout_ms)


def test_a_broker_knows_its_rack_and_a_controller_has_only_the_quorum() -> None:
    """Racks follow zones; controllers listen for nobody else."""
    for node in TOPOLOGY.nodes:
        properties = render(node, BrokerSettings())
        if node.role is Role.BROKER:
            assert properties["broker.rack"] == node.zone
            assert properties["listeners"].count("CLIENT_") == 3
            assert "CONTROLLER:PLAINTEXT" in properties["listener.security.protocol.map"]
        else:
            assert "broker.rack" not in properties
            assert properties["listeners"].startswith("CONTROLLER://127.9.0.")


def test_the_text_is_one_sorted_setting_a_line() -> None:
    """The same settings give the same text, so that a diff shows a change and nothing else."""
    properties = render(TOPOLOGY.brokers[0], BrokerSettings(overrides={"log.roll.ms": "5"}))
    lines = render_properties(properties).splitlines()
    assert lines == sorted(lines)
    assert "log.roll.ms=5" in lines


def test_every_contradiction_is_reported_at_once() -> None:
    """Too many replicas, min.isr above them, and overrides of what follows from the topology."""
    settings = BrokerSettings(
        replication_factor=4,
        min_insync_replicas=5,
        overrides={name: "x" for name in sorted(DERIVED)} | {"a=b": "c", "d": "e\nf"},
    )
    with pytest.raises(BadInput) as refused:
        render(TOPOLOGY.brokers[0], settings)
    assert len(refused.value.problems) == 2 + len(DERIVED) + 2


def test_a_broker_asks_its_own_zone_for_the_quorum_most_of_the_time() -> None:
    """Every controller is in the list; the one that no other zone's loss can cut off, often."""
    for node in TOPOLOGY.nodes:
        drawn = render(node, BrokerSettings())["controller.quorum.bootstrap.servers"].split(",")
        counts = {c.zone: drawn.count(f"{c.name}:9093") for c in TOPOLOGY.controllers}
        weight = OWN_ZONE_WEIGHT if node.role is Role.BROKER else 1
        assert counts == {zone: weight if zone == node.zone else 1 for zone in TOPOLOGY.zones}


def test_voters_do_not_miss_their_leader_at_one_moment() -> None:
    """Each controller has a fetch time-out of its own; brokers all have the same."""
    name = "controller.quorum.fetch.timeout.ms"
    voters = [int(render(node, BrokerSettings())[name]) for node in TOPOLOGY.controllers]
    assert len(set(voters)) == len(voters)
    # Below the interval of the no-op records, or a voter stands before one with a longer log.
    assert max(voters) - min(voters) < BALANCED.metadata_max_idle_interval_ms
    assert len({render(node, BrokerSettings())[name] for node in TOPOLOGY.brokers}) == 1


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("num.io.thread", ", such as num.io.threads"),
        ("Log.segment.bytes", ", such as log.segment.bytes"),
        ("zzz", ""),
    ],
)
def test_a_misspelt_override_is_refused(name: str, instead: str) -> None:
    """Kafka would take it without a word, and change nothing."""
    (problem,) = settings_problems(three_zones(1), BrokerSettings(overrides={name: "16"}))
    assert problem.path == f"overrides.{name}"
    assert problem.legal == f"a setting of Kafka 4.3.1{instead}"


def test_what_a_plugin_reads_is_its_own() -> None:
    """Tiered storage's, under any name."""
    overrides = {"rsm.config.bucket": "cold", "remote.log.storage.system.enable": "true"}
    assert settings_problems(three_zones(1), BrokerSettings(overrides=overrides)) == []
