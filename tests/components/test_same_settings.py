"""One blueprint, three targets: what each hands to Kafka is the same, but for where it stands."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from blueprint import strimzi
from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.listeners import Ports
from blueprint.stack_config import parse_stack
from blueprint.subnets import subnet_plan
from blueprint.topology import Node
from components.aws_addresses import AwsAddresses
from components.kafka_cluster import node_properties
from components.local_cluster import lab_config, lab_inputs
from components.local_platform import cluster_args
from lab.addresses import LabAddresses
from lab.plan import LabPlan
from lab.state import State

STACK: dict[str, Any] = {
    "demand": {"peak_events_per_s": 20_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
    "broker_overrides": {"log.segment.bytes": "268435456"},
}
AWS = {
    "region": "eu-central-1",
    "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "0" * 128},
}
#: Where a node stands: its addresses, its folders, and the secrets beside them.
PLACE = frozenset(
    {
        "listeners",
        "advertised.listeners",
        "controller.quorum.bootstrap.servers",
        "log.dirs",
        "ssl.keystore.location",
        "ssl.truststore.location",
    }
)


def made(target: str, security: str) -> Blueprint:
    """The same stack on a target."""
    aws = {"aws": AWS} if target == "aws" else {}
    return blueprint_of(parse_stack(STACK | {"target": target, "security": security} | aws, target))


def read(text: str) -> dict[str, str]:
    """A properties file as a mapping."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {name: value for name, _, value in pairs}


def on_the_lab(blueprint: Blueprint, node: Node, folder: Path) -> dict[str, str]:
    """What the lab's node boots when the stack asks for it."""
    config = lab_config(lab_inputs(cluster_args(blueprint)))
    topology = config.topology()
    addresses = LabAddresses(topology, 10, Ports())
    plan = LabPlan(config, State(folder), topology, addresses, "cluster")
    return read(plan.properties_text(node))


def on_aws(blueprint: Blueprint, node: Node) -> dict[str, str]:
    """What a host on AWS boots."""
    topology = blueprint.topology
    subnets = subnet_plan(IPv4Network("10.20.0.0/16"), topology.zones)
    addresses = AwsAddresses("quorate", topology, subnets, Ports())
    return read(node_properties(blueprint, addresses.cluster(), node))


@pytest.mark.parametrize("security", ["scram", "mtls"])
def test_a_host_on_aws_boots_what_the_lab_boots(security: str, tmp_path: Path) -> None:
    """Every node's every setting, by name and value, but for its place."""
    local, aws = made("local", security), made("aws", security)
    assert local.topology == aws.topology
    for node in local.topology.nodes:
        here, there = on_the_lab(local, node, tmp_path), on_aws(aws, node)
        assert here.keys() == there.keys()
        assert {name for name in here if here[name] != there[name]} <= PLACE


@pytest.mark.parametrize("security", ["scram", "mtls"])
def test_strimzi_is_told_what_the_lab_boots(security: str, tmp_path: Path) -> None:
    """What is not told has a reason in the list of deviations, and nothing is told beside."""
    local, kubernetes = made("local", security), made("kubernetes", security)
    topology, settings = kubernetes.topology, kubernetes.broker_settings
    excused = {one.name for one in strimzi.deviations(topology, settings)}
    told = strimzi.config(topology, settings)
    booted: dict[str, set[str]] = {}
    for node in local.topology.nodes:
        for name, value in on_the_lab(local, node, tmp_path).items():
            booted.setdefault(name, set()).add(value)
    assert booted.keys() - told.keys() <= excused
    assert told.keys() <= booted.keys()
    assert {name: {told[name]} for name in told.keys() - excused} == {
        name: booted[name] for name in told.keys() - excused
    }
