"""The stack that is shipped for AWS, taken up: hosts and EKS on moto, fleets on a control plane.

Nothing boots on moto, so topics, users, access rules and quotas are made on a lab's real Kafka: its
address and administrator are given the way an operator gives those of a tunnel. Of the settings one
is laid over the file: ``protect_data`` is false, as it has to be before a ``destroy``.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from blueprint.access import ADMIN
from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.outputs import StackOutputs, load
from blueprint.security import Security
from blueprint.stack_config import parse_stack
from chaos.restore import lease_book, restore
from chaos.targets import aws_acls, aws_permit
from chaos.targets.aws import AwsTarget
from chaos.targets.tcp_probe import Answer
from components.aws_fleets import NAMESPACE
from components.kafka_admin import SETTINGS_VARIABLE
from lab.cluster import Lab
from lab.config import LabConfig
from tests.chaos.targets.playing import Calls, Killed, calls_of, cut_and_mend, everybody
from tests.cluster.clients import settings
from tests.engine.aws_provider.stand_in import Moto
from tests.engine.aws_stack import stand_in
from tests.engine.conftest import ProjectEngines
from tests.engine.control_plane.api import Object, Reference, wait_for
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness import StandIn
from tests.engine.kubernetes_provider.provider import INSTEAD_OF_ANY

pytestmark = [pytest.mark.engine, pytest.mark.cluster]

_TIMEOUT_S = 30.0
_STACK = "aws"
_SHIPPED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / f"stacks/Pulumi.{_STACK}.yaml").read_text()
)["config"]
_REGION = str(_SHIPPED["aws:region"])
#: The stack's own ways to prove itself, in whose place the lab's come.
_PROOFS = ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "sasl.username", "sasl.password")
_USERS = ("billing", "shop", "quorate-chaos")
_EVERY_RULE = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]
    None,  # type: ignore[arg-type]
    AclOperation.ANY,
    AclPermissionType.ANY,
)


@pytest.fixture
def kafka() -> Iterator[Lab]:
    """A lab with passwords and access rules."""
    running = Lab.up(LabConfig(name=f"aws-{uuid.uuid4().hex[:8]}", security=Security.SCRAM))
    try:
        yield running
    finally:
        running.down()


def _shipped() -> Blueprint:
    """The blueprint of the shipped file."""
    own = {name.removeprefix("quorate:"): value for name, value in _SHIPPED.items()}
    return blueprint_of(parse_stack({k: v for k, v in own.items() if ":" not in k}, _STACK))


#: Twelve nodes, each with a roll of its own, and five runs of the engine with its language host.
@pytest.mark.timeout(600)
def test_the_shipped_stack_goes_up_and_down(
    project_engine: ProjectEngines,
    aws: Moto,
    kafka: Lab,
    kubernetes: StandIn,
    control_plane: ControlPlane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every resource is made and used by the next; a second up changes nothing; nothing is left."""
    administrator = dict.fromkeys(_PROOFS) | settings(kafka, kafka.plan.keyring.credentials(ADMIN))
    way = tmp_path / "administrator.json"
    way.touch(0o600)
    way.write_text(json.dumps(administrator))
    nodes = stand_in(aws)
    nodes = replace(nodes, environment={**nodes.environment, SETTINGS_VARIABLE: str(way)})
    fleets = replace(kubernetes, environment={INSTEAD_OF_ANY: str(control_plane.kubeconfig)})
    made = _shipped()
    overlaid = {"quorate:aws": json.dumps(_SHIPPED["quorate:aws"] | {"protect_data": False})}
    engine = project_engine(_STACK, nodes, fleets, config=overlaid)
    try:
        assert set(engine.up().counts) == {"create"}
        assert len(_machines(aws)) == len(made.topology.nodes)
        _contents_are_there(kafka.admin(), {topic.name: topic.partitions for topic in made.topics})
        _fleet_is_placed(control_plane, made.fleets[0].instances)
        names = _names(aws)
        exported = load(json.dumps(engine.outputs()["quorate"]))
        with monkeypatch.context() as patch:
            for name, value in stand_in(aws).environment.items():
                patch.setenv(name, value)
            # As a resolver within the VPC would answer: by the records that the stack made.
            patch.setattr(aws_permit, "_address", lambda node: IPv4Address(names[f"{node.host}."]))
            _a_zone_is_cut_off_and_put_back(exported, aws)
            patch.setenv("QUORATE_CACHE", str(tmp_path / "cache"))
            patch.setattr(aws_acls, "SETTLE_S", 0.0)
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            _killed_after_any_call_it_is_put_back(exported, aws, tmp_path)
        assert set(engine.up().counts) == {"same"}
        assert set(engine.destroy().counts) == {"delete"}
    finally:
        control_plane.api.delete(Reference("v1", "Namespace", NAMESPACE))
    assert not aws.client("eks", _REGION).list_clusters()["clusters"]
    assert not aws.client("secretsmanager", _REGION).list_secrets()["SecretList"]
    assert not _machines(aws)


def _machines(aws: Moto) -> list[Any]:
    """What runs, or is about to."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
    found = aws.client("ec2", _REGION).describe_instances(Filters=running)["Reservations"]
    return [one for reservation in found for one in reservation["Instances"]]


def _contents_are_there(admin: AdminClient, partitions: dict[str, int]) -> None:
    """Topics as planned, and a user for each client, with what it may do."""
    found = admin.list_topics(timeout=_TIMEOUT_S).topics
    assert {name: len(found[name].partitions) for name in partitions} == partitions
    users = admin.describe_user_scram_credentials(list(_USERS))
    assert isinstance(users, dict)
    assert all(user.result(_TIMEOUT_S).scram_credential_infos for user in users.values())
    acls = admin.describe_acls(_EVERY_RULE).result(_TIMEOUT_S)
    assert {f"User:{name}" for name in _USERS} <= {one.principal for one in acls}


def _a_zone_is_cut_off_and_put_back(outputs: StackOutputs, aws: Moto) -> None:
    """The suite finds the network that the stack made, and may; each subnet gets its own back."""
    assert outputs.aws is not None
    before = _rulers(aws)
    target = AwsTarget(outputs, probe=lambda *_: Answer.REFUSED)
    cut = target.zone_cut("b", "a-run.a-step")
    cut.make()
    between = _rulers(aws)
    moved = {subnet for subnet, acl in between.items() if acl != before[subnet]}
    assert moved == set(outputs.aws.subnet_ids["b"])
    behind, _ = cut.effects()
    assert behind.measured == behind.expected == len(moved)
    assert cut.mend()
    assert _rulers(aws) == before


def _killed_after_any_call_it_is_put_back(outputs: StackOutputs, aws: Moto, folder: Path) -> None:
    """By the lease alone, wherever the run was killed."""
    assert outputs.aws is not None
    before, made = _rulers(aws), _acls(aws)
    all_calls = calls_of(len(outputs.aws.subnet_ids["b"]))
    for last in range(1, len(all_calls) + 1):
        run_dir = folder / f"killed-after-{last}"
        run_dir.mkdir()
        calls = Calls(last)
        with pytest.raises(Killed):
            cut_and_mend(AwsTarget(outputs, lambda *_: Answer.REFUSED), run_dir, zone="b")
        assert tuple(calls.names) == all_calls[:last]
        Calls()
        restore(lease_book(), everybody)
        assert lease_book().all() == []
        assert (_rulers(aws), _acls(aws)) == (before, made)


def _names(aws: Moto) -> dict[str, str]:
    """The addresses of the stack's private zone, by name."""
    dns = aws.client("route53", _REGION)
    (zone,) = dns.list_hosted_zones()["HostedZones"]
    rows = dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {row["Name"]: row["ResourceRecords"][0]["Value"] for row in rows if row["Type"] == "A"}


def _rulers(aws: Moto) -> dict[str, str]:
    """For each subnet its network ACL."""
    acls = aws.client("ec2", _REGION).describe_network_acls()["NetworkAcls"]
    return {one["SubnetId"]: acl["NetworkAclId"] for acl in acls for one in acl["Associations"]}


def _acls(aws: Moto) -> set[str]:
    """Every network ACL, whether it rules a subnet or none."""
    acls = aws.client("ec2", _REGION).describe_network_acls()["NetworkAcls"]
    return {acl["NetworkAclId"] for acl in acls}


def _fleet_is_placed(control_plane: ControlPlane, instances: int) -> None:
    """Its pods are scheduled, in each zone as many as in any other within one."""

    def placed() -> list[Object] | None:
        selector = "quorate.io/fleet=billing"
        pods = control_plane.api.objects("v1", "Pod", NAMESPACE, labelSelector=selector)
        bound = [pod for pod in pods if pod["spec"].get("nodeName")]
        return bound if len(bound) == instances else None

    pods = wait_for(f"{instances} pods on nodes", placed)
    by_zone = Counter(control_plane.nodes.zone_of(pod) for pod in pods)
    assert max(by_zone.values()) - min(by_zone[zone] for zone in "abc") <= 1
