"""A stack on AWS in the real engine, over moto: made, found unchanged, changed, removed."""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from blueprint.listeners import Ports
from blueprint.subnets import Purpose
from components.kafka_cluster import in_turn
from lab.tools.pulumi import PulumiTools
from tests.engine.aws_provider.stand_in import Moto, running_moto
from tests.engine.aws_stack import (
    STACK,
    blueprint,
    cloud_config,
    documents,
    foundation,
    resources,
    server_properties,
    settings,
    stand_in,
)
from tests.engine.harness import Engine, EngineFailed, Result, Room

pytestmark = pytest.mark.engine

_SCHEMA = Path(__file__).parent / "schemas/schema-cloud-config-v1.json"
_NODES = [node.name for node in in_turn(blueprint().topology.nodes)]
_BROKERS = [name for name in _NODES if name.startswith("broker")]


class Made:
    """One stack that is up.

    Attributes:
        preview: What was promised.
        up: What was made.
        state: The deployment of then, secrets in clear.
        backend: Where it is kept.
    """

    def __init__(self, engine: Engine, moto: Moto, backend: Path) -> None:
        """Make it."""
        self.engine, self.moto, self.backend = engine, moto, backend
        self.preview = engine.preview()
        self.up = engine.up()
        self.state: dict[str, Any] = engine.state()

    def inputs(self, token: str) -> dict[str, dict[str, Any]]:
        """The inputs of every resource of a type, by name."""
        return resources(self.state, token)

    def become(self, **changed: Any) -> Result:  # noqa: ANN401 as in the YAML
        """Change settings, and deploy."""
        self.engine.become(foundation(blueprint(**changed)))
        return self.engine.up()


@pytest.fixture(scope="module")
def made(pulumi_tools: PulumiTools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One stack for this module: it is looked at first, and changed by the last tests."""
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        room = Room(tmp_path_factory.mktemp("room"), pulumi_tools, (stand_in(moto),))
        engine = Engine.of_program(foundation(blueprint()), room, stack=STACK)
        yield Made(engine, moto, room.folder / "state")


def test_what_is_promised_is_made_and_a_second_up_changes_nothing(made: Made) -> None:
    """A preview names every resource, and no dynamic one is done anew."""
    assert made.preview.counts == made.up.counts
    assert set(made.up.counts) == {"create"}
    assert set(made.engine.up().counts) == {"same"}


def test_nodes_are_apart_by_zone_and_have_their_own_address(made: Made) -> None:
    """Each in the private subnet of its zone, reached by one name, with no public address."""
    instances = made.inputs("Instance")
    assert sorted(instances) == sorted(_NODES)
    records = made.inputs("Record")
    zones = {name: inputs["availabilityZone"][-1] for name, inputs in made.inputs("Volume").items()}
    for node in blueprint().topology.nodes:
        inputs = instances[node.name]
        assert zones[node.name] == node.zone
        assert records[node.name]["name"] == f"{node.name}.{STACK}.quorate.internal"
        assert records[node.name]["records"] == [inputs["privateIp"]]
        assert ip_address(inputs["privateIp"]) in ip_network(_subnet_of(made, inputs["subnetId"]))
        assert inputs["associatePublicIpAddress"] is False
    assert not made.inputs("InternetGateway")
    assert not made.inputs("NatGateway")
    assert not made.inputs("Route")


def test_every_disk_and_secret_is_encrypted_with_the_stacks_key(made: Made) -> None:
    """Data volumes, the machines' own disks, secrets, logs."""
    (key,) = made.moto.client("kms").list_keys()["Keys"]
    volumes = made.inputs("Volume").values()
    roots = [one["rootBlockDevice"] for one in made.inputs("Instance").values()]
    for disk in [*volumes, *roots]:
        assert disk["encrypted"] is True
        assert disk["kmsKeyId"] == key["KeyArn"]
    secrets = made.inputs("Secret").values()
    assert len(secrets) == len(_NODES) + len(("admin", "suite", "shop", "first users"))
    assert {one["kmsKeyId"] for one in [*secrets, *made.inputs("LogGroup").values()]} == {
        key["KeyArn"]
    }
    assert all(one["enableKeyRotation"] for one in made.inputs("Key").values())


def test_volumes_are_apart_from_machines_and_as_planned(made: Made) -> None:
    """A machine may go; its data stays, attached to whatever comes instead."""
    plan = blueprint().plan
    for name in _BROKERS:
        volume = made.inputs("Volume")[name]
        assert (volume["type"], volume["size"]) == ("gp3", plan.disk_gib_per_broker.value)
        assert volume["iops"] == plan.disk_iops_per_broker.value
        wanted = plan.disk_bytes_per_s_per_broker.value
        assert volume["throughput"] << 20 >= wanted or volume["throughput"] == 125
        assert "ebsBlockDevices" not in made.inputs("Instance")[name]
    assert sorted(made.inputs("VolumeAttachment")) == sorted(_NODES)


def test_machines_ask_for_tokens_and_may_do_only_their_own(made: Made) -> None:
    """IMDSv2 is required, one hop; each machine has a role of its own."""
    instances = made.inputs("Instance")
    for inputs in instances.values():
        options = inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
    profiles = [one["iamInstanceProfile"] for one in instances.values()]
    assert len(set(profiles)) == len(profiles)
    for name in _NODES:
        said = json.dumps(json.loads(made.inputs("RolePolicy")[name]["policy"]))
        assert f"quorate/{STACK}/{name}" in said
        others = [one for one in _NODES if one != name and f"/{one}/" in said]
        assert not others


def test_user_data_is_what_cloud_init_takes_and_holds_no_secret(made: Made) -> None:
    """As declared, with what only AWS knew put in."""
    validator = Draft4Validator(json.loads(_SCHEMA.read_text()))
    for name, inputs in made.inputs("Instance").items():
        text = cloud_config(inputs)
        validator.validate(yaml.safe_load(text))
        assert f"NODE_NAME='{name}'\n" in text
        assert re.search(r"VOLUME_ID='vol-[0-9a-f]+'", text)
        assert not any(secret in text for secret in _secrets(made))


def test_no_secret_is_in_clear_in_the_state(made: Made) -> None:
    """Every key and password is searched for in every file that the backend keeps."""
    kept = [file.read_text() for file in made.backend.rglob("*") if file.is_file()]
    assert any(f"{STACK}-{Purpose.NODES}-a" in text for text in kept)
    secrets = list(_secrets(made))
    assert len(secrets) > len(_NODES)
    for text in kept:
        assert not [secret for secret in secrets if json.dumps(secret)[1:-1] in text]
        assert "PRIVATE KEY" not in text


def test_only_declared_clients_are_admitted(made: Made) -> None:
    """From outside of the VPC: the stack's clients and operators, to the clients' ports alone."""
    ports = Ports()
    rules = list(made.inputs("SecurityGroupIngressRule").values())
    from_networks = {one["cidrIpv4"]: one for one in rules if "cidrIpv4" in one}
    assert sorted(from_networks) == ["10.40.0.0/16", "10.50.1.0/24"]
    for rule in from_networks.values():
        assert (rule["fromPort"], rule["toPort"]) == (9192, 9194)
    assert not any("cidrIpv6" in one or "prefixListId" in one for one in rules)
    opened = {(one["fromPort"], one["toPort"]) for one in rules}
    own = {(ports.replication,) * 2, (ports.controller,) * 2, (443, 443)}
    assert opened == {(9192, 9194), *own}
    egress = made.inputs("SecurityGroupEgressRule").values()
    assert not any("cidrIpv4" in one or "cidrIpv6" in one for one in egress)


def test_every_subnet_is_behind_the_stacks_own_acl_and_tagged(made: Made) -> None:
    """What a game day may move is the stack's, and says so."""
    ec2 = made.moto.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:quorate:chaos", "Values": [STACK]}])["Vpcs"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    subnets = ec2.describe_subnets(Filters=here)["Subnets"]
    assert len(subnets) == 9
    for subnet in subnets:
        tags = {tag["Key"]: tag["Value"] for tag in subnet["Tags"]}
        assert (tags["quorate:stack"], tags["quorate:chaos"]) == (STACK, STACK)
    acls = [one for one in ec2.describe_network_acls(Filters=here)["NetworkAcls"]]
    (own,) = [one for one in acls if not one["IsDefault"]]
    assert {one["SubnetId"] for one in own["Associations"]} == {s["SubnetId"] for s in subnets}


def test_every_iam_document_is_understood_and_grants_no_star(made: Made) -> None:
    """Legal by AWS's grammar; no action with a wildcard but the account's own on its key."""
    found = documents(made.state)
    assert len(found) > 2 * len(_NODES)
    for name, document in found.items():
        assert document["Version"] == "2012-10-17", name
        for statement in document["Statement"]:
            actions = statement["Action"]
            wild = [
                one for one in ([actions] if isinstance(actions, str) else actions) if "*" in one
            ]
            assert not wild or statement["Sid"] == "AccountDecides", name


def test_a_node_reads_its_settings_where_they_are_declared(made: Made) -> None:
    """The parameter that user data names holds what the blueprint renders."""
    ssm = made.moto.client("ssm")
    properties = server_properties(made.state)
    assert sorted(properties) == sorted(_NODES)
    for name, inputs in made.inputs("Instance").items():
        (path,) = re.findall(r"SETTINGS_PARAMETER='([^']+)'", cloud_config(inputs))
        text = ssm.get_parameter(Name=path)["Parameter"]["Value"]
        assert f"node.id={properties[name]['node.id']}\n" in text


def test_a_changed_broker_setting_rolls_every_node_in_turn_and_replaces_none(made: Made) -> None:
    """Each node's file and its roll, the one after the other, and nothing else."""
    override = {"log.segment.bytes": "268435456"}
    before = server_properties(made.state)
    changed = made.become(broker_overrides=override)
    assert {name: set(one) for name, one in changed.differences().items()} == {
        f"{name}-settings": {"value"} for name in _NODES
    }
    assert server_properties(made.engine.state()) == {
        name: rendered | override for name, rendered in before.items()
    }
    assert {one.name for one in changed.changed()} == {
        f"{name}-{what}" for name in _NODES for what in ("settings", "rolled")
    }
    assert {one.operation for one in changed.changed()} == {"update"}
    rolled = [one.name for one in changed.changed() if one.name.endswith("-rolled")]
    assert rolled == [f"{name}-rolled" for name in _NODES]
    order = [one.name for one in changed.changed()]
    for first, second in pairwise(_NODES):
        assert order.index(f"{first}-rolled") < order.index(f"{second}-settings")
    commands = made.moto.client("ssm").list_commands()["Commands"]
    rolls = [one for one in commands if one["Parameters"]["action"] == ["roll"]]
    assert len(rolls) == len(_NODES)
    assert set(made.engine.up().counts) == {"same"}


def test_a_changed_tag_touches_nothing_but_tags(made: Made) -> None:
    """Chaos that is no longer allowed takes the tag away, and restarts nobody."""
    before = {"log.segment.bytes": "268435456"}
    changed = made.become(broker_overrides=before, chaos=False)
    assert not [one for one in changed.changed() if one.operation == "replace"]
    touched = {path for one in changed.changed() for path in one.differences}
    assert touched == {'tagsAll["quorate:chaos"]'}
    gone = {one.name for one in changed.changed() if one.operation == "delete"}
    assert all("quorate-chaos" in name or name.endswith("to-controllers-quorum") for name in gone)
    assert {one.operation for one in changed.of_type("RolledNode")} == {"same"}


def test_another_kafka_replaces_machines_one_at_a_time_and_keeps_volumes(made: Made) -> None:
    """The old machine goes first, its volume stays, and the next one waits for the cluster."""
    volumes = {one["VolumeId"] for one in made.moto.client("ec2").describe_volumes()["Volumes"]}
    aws = settings()["aws"] | {
        "kafka": {"bucket": "artifacts", "key": "k2.tgz", "sha512": "cd" * 64}
    }
    before = {"log.segment.bytes": "268435456"}
    changed = made.become(broker_overrides=before, chaos=False, aws=aws)
    machines = [one.name for one in changed.of_type("Instance") if one.operation == "replace"]
    assert machines == _NODES
    order = [(one.operation, one.name) for one in changed.changed()]
    for first, second in pairwise(_NODES):
        assert order.index(("update", f"{first}-rolled")) < order.index(("replace", second))
    left = {one["VolumeId"] for one in made.moto.client("ec2").describe_volumes()["Volumes"]}
    state: dict[str, Any] = made.engine.state()
    data = {one["id"] for one in state["resources"] if one["type"].endswith(":Volume")}
    assert data <= volumes & left


def test_a_demand_that_grows_adds_brokers_and_touches_no_machine(made: Made) -> None:
    """With the machine pinned three brokers become six; then none of them goes unasked."""
    demand = settings()["demand"]
    disk_gib = blueprint().plan.disk_gib_per_broker.value
    aws = settings()["aws"] | {
        "kafka": {"bucket": "artifacts", "key": "k2.tgz", "sha512": "cd" * 64}
    }
    kept = {"chaos": False, "aws": aws, "instance_type": blueprint().plan.machine.name}
    grown = made.become(
        demand=demand | {"peak_events_per_s": 100_000, "disk_gib_today": disk_gib}, **kept
    )
    touched = [(one.operation, one.name) for one in grown.of_type("Instance")]
    new = ["broker-4", "broker-5", "broker-6"]
    assert sorted(name for what, name in touched if what == "create") == new
    assert {what for what, name in touched if name not in new} == {"same"}
    assert {one.operation for one in grown.of_type("Volume")} == {"create", "same"}

    made.engine.become(foundation(blueprint(demand=demand, **kept)))
    with pytest.raises(EngineFailed, match="without broker-4, broker-5, broker-6"):
        made.engine.preview()
    drained = {"drained_brokers": [4, 5, 6], **kept}
    made.engine.become(foundation(blueprint(demand=demand, **drained)))
    gone = made.engine.preview().of_type("Volume")
    assert sorted(one.name for one in gone if one.operation == "delete") == new


def test_data_is_protected_unless_the_stack_says_otherwise() -> None:
    """What is left out is the safe choice."""
    aws = {name: value for name, value in settings()["aws"].items() if name != "protect_data"}
    config = blueprint(aws=aws).config.aws
    assert config is not None
    assert config.protect_data


def test_destroy_leaves_nothing(made: Made) -> None:
    """Not in the state, and not on AWS."""
    made.engine.destroy()
    ec2 = made.moto.client("ec2")
    assert not made.engine.state().get("resources")
    assert all(one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"])
    assert not ec2.describe_volumes()["Volumes"]
    running = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
    assert not ec2.describe_instances(Filters=running)["Reservations"]
    assert not made.moto.client("secretsmanager").list_secrets()["SecretList"]
    own = [{"Key": "Name", "Option": "BeginsWith", "Values": ["/quorate/"]}]
    assert not made.moto.client("ssm").describe_parameters(ParameterFilters=own)["Parameters"]
    assert not made.moto.client("iam").list_instance_profiles()["InstanceProfiles"]
    assert not made.moto.client("route53").list_hosted_zones()["HostedZones"]


def _secrets(made: Made) -> Iterator[str]:
    """Whatever the secret store holds: whole, and each password and key of it alone."""
    store = made.moto.client("secretsmanager")
    for page in store.get_paginator("list_secrets").paginate():
        for one in page["SecretList"]:
            value = store.get_secret_value(SecretId=one["ARN"])["SecretString"]
            yield value
            if value.startswith("{"):
                proofs = json.loads(value)
                yield from (proofs[name] for name in ("password", "key_pem") if name in proofs)
            yield from re.findall(r"-----BEGIN PRIVATE KEY-----\n[^-]+", value)


def _subnet_of(made: Made, subnet_id: str) -> str:
    (found,) = made.moto.client("ec2").describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    return str(found["CidrBlock"])
