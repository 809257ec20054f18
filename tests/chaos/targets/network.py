"""A stack's network on AWS as the tests make it and describe it; no fixtures.

moto keeps network ACLs and their associations as EC2 does, and enforces none: no packet is ever
dropped. So what a cut does to packets is answered here by :func:`enforced`, which reads back what
rules a node's subnet; everything else is what runs on AWS.
"""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.loaders import Loader

from blueprint.outputs import AwsOutput, NodeOutput, StackOutputs
from blueprint.subnets import Purpose, subnet_plan
from blueprint.topology import Role
from chaos.targets.aws_acls import MARK
from chaos.targets.tcp_probe import Answer, Probe

REGION = "eu-central-1"
TAG = ("quorate:chaos", "allowed")
#: AWS keeps the first four addresses of a subnet.
_FIRST_HOST = 4

#: EC2's model is large: read once, not once a session.
_MODELS = Loader(extra_search_paths=[str(Path(botocore.__file__).parent / "data")])

Picture = Mapping[str, Any]


def session() -> boto3.Session:
    """A session of its own, whose calls nobody records."""
    inner = botocore.session.Session()
    inner.register_component("data_loader", _MODELS)
    return boto3.Session(botocore_session=inner)


def ec2(region: str = REGION) -> BaseClient:
    """A client whose calls nobody records."""
    return _ec2(region, os.environ.get("AWS_ENDPOINT_URL"))


@lru_cache
def _ec2(region: str, _: str | None) -> BaseClient:
    return session().client("ec2", region_name=region)


def make_network(subnets_per_zone: int = 2, cidr: str = "10.20.0.0/16", tag: bool = True) -> str:
    """A VPC of three zones with the chaos tag on it and on every subnet; returns its id."""
    tags = [{"Key": TAG[0], "Value": TAG[1]}] if tag else []

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tags}] if tags else []

    vpc_id = str(ec2().create_vpc(CidrBlock=cidr, TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"])
    blocks = IPv4Network(cidr).subnets(new_prefix=24)
    next(blocks)
    for _ in range(subnets_per_zone):
        for zone in "abc":
            ec2().create_subnet(
                VpcId=vpc_id,
                CidrBlock=str(next(blocks)),
                AvailabilityZone=REGION + zone,
                TagSpecifications=tagged("subnet"),
            )
    return vpc_id


def make_stacks_network(cidr: str = "10.20.0.0/16") -> str:
    """A VPC as a stack makes it; returns its id.

    For each purpose a subnet in each zone, by the stack's own plan, and one network ACL of the
    stack's that rules them all. Everything carries the chaos tag.
    """
    chaos = {"Key": TAG[0], "Value": TAG[1]}

    def tagged(kind: str, **own: str) -> list[dict[str, Any]]:
        tags = [{"Key": f"quorate:{name}", "Value": value} for name, value in own.items()]
        return [{"ResourceType": kind, "Tags": [chaos, *tags]}]

    vpc_id = str(ec2().create_vpc(CidrBlock=cidr, TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"])
    acl_id = new_acl(vpc_id, tagged("network-acl"))
    for egress in (False, True):
        ec2().create_network_acl_entry(
            NetworkAclId=acl_id,
            RuleNumber=100,
            Protocol="-1",
            RuleAction="allow",
            Egress=egress,
            CidrBlock="0.0.0.0/0",
        )
    plan = subnet_plan(IPv4Network(cidr), ("a", "b", "c"))
    for (zone, purpose), block in plan.subnets.items():
        made = ec2().create_subnet(
            VpcId=vpc_id,
            CidrBlock=str(block),
            AvailabilityZone=REGION + zone,
            TagSpecifications=tagged("subnet", zone=zone, purpose=purpose),
        )
        move(made["Subnet"]["SubnetId"], acl_id)
    return vpc_id


def stacks_outputs(vpc_id: str) -> StackOutputs:
    """What a stack says of such a VPC: of its subnets the nodes' alone."""
    return outputs_of(vpc_id, tag=TAG, narrowed={"quorate:purpose": Purpose.NODES})


def outputs_of(
    vpc_id: str,
    region: str = REGION,
    tag: tuple[str, str] = TAG,
    stack: str = "game-day",
    narrowed: Mapping[str, str] = MappingProxyType({}),
) -> StackOutputs:
    """The outputs of a stack whose VPC this is: its tagged subnets, zone by availability zone.

    Only those subnets that carry every tag of ``narrowed`` too.

    Nodes are told by addresses in those subnets, as if hosts stood there: in each zone a broker in
    its first subnet and a controller in its last.
    """
    tags = {tag[0]: tag[1], **narrowed}
    rows = ec2(region).describe_subnets(
        Filters=[
            {"Name": "vpc-id", "Values": [vpc_id]},
            *({"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()),
        ]
    )["Subnets"]
    rows.sort(key=lambda row: IPv4Network(row["CidrBlock"]))
    places = sorted({row["AvailabilityZone"] for row in rows})
    zones = dict(zip("abcdefgh", places, strict=False))
    of_zone = {z: [row for row in rows if row["AvailabilityZone"] == p] for z, p in zones.items()}
    nodes = []
    for index, (zone, subnets) in enumerate(of_zone.items()):
        for role, node_id, subnet in (
            (Role.BROKER, 1 + index, subnets[0]),
            (Role.CONTROLLER, 101 + index, subnets[-1]),
        ):
            host = IPv4Network(subnet["CidrBlock"])[_FIRST_HOST + (role is Role.CONTROLLER)]
            name = f"{role.value}-{node_id}"
            nodes.append(
                NodeOutput(id=node_id, name=name, role=role, zone=zone, host=str(host), port=9092)
            )
    account_id = session().client("sts", region_name=region).get_caller_identity()["Account"]
    return StackOutputs(
        stack=stack,
        target="aws",
        cluster_id="AAAAAAAAAAAAAAAAAAAAAA",
        zones=tuple(zones),
        nodes=tuple(nodes),
        bootstrap_servers={node.zone: f"{node.host}:9092" for node in nodes if node.id < 100},
        aws=AwsOutput(
            region=region,
            account_id=account_id,
            vpc_id=vpc_id,
            subnet_ids={
                zone: tuple(row["SubnetId"] for row in subnets) for zone, subnets in of_zone.items()
            },
            chaos_tag=tag,
        ),
    )


def picture(region: str = REGION) -> Picture:
    """Everything of the region's networks, but for the ids of associations: those are EC2's own.

    Each association gets a new id whenever it is replaced, also when it is put back.
    """
    acls = [
        {**row, "Associations": sorted(each["SubnetId"] for each in row["Associations"])}
        for row in ec2(region).describe_network_acls()["NetworkAcls"]
    ]
    return {
        "acls": sorted(acls, key=lambda row: str(row["NetworkAclId"])),
        "subnets": ec2(region).describe_subnets()["Subnets"],
        "vpcs": ec2(region).describe_vpcs()["Vpcs"],
    }


def ruled_by(vpc_id: str, region: str = REGION) -> dict[str, str]:
    """The network ACL of each subnet of a VPC."""
    rows = ec2(region).describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
    return {
        each["SubnetId"]: row["NetworkAclId"]
        for row in rows["NetworkAcls"]
        for each in row["Associations"]
    }


def enforced(vpc_id: str, region: str = REGION) -> Probe:
    """A probe that answers as the network would if moto enforced its network ACLs."""

    def answer(host: str, port: int, timeout_s: float) -> Answer:
        here = [{"Name": "vpc-id", "Values": [vpc_id]}]
        acls = ec2(region).describe_network_acls(Filters=here)["NetworkAcls"]
        allowing = {
            each["SubnetId"]
            for row in acls
            if any(entry["RuleAction"] == "allow" for entry in row["Entries"])
            for each in row["Associations"]
        }
        for subnet in ec2(region).describe_subnets(Filters=here)["Subnets"]:
            if IPv4Address(host) in IPv4Network(subnet["CidrBlock"]):
                open_ = subnet["SubnetId"] in allowing
                return Answer.CONNECTED if open_ else Answer.SILENT
        return Answer.REFUSED

    return answer


def described(outputs: StackOutputs) -> AwsOutput:
    """What outputs say of AWS."""
    assert outputs.aws is not None
    return outputs.aws


def new_acl(vpc_id: str, tagged: Sequence[Mapping[str, Any]] = ()) -> str:
    """One more network ACL, somebody's; its id."""
    made = ec2().create_network_acl(VpcId=vpc_id, TagSpecifications=list(tagged))
    return str(made["NetworkAcl"]["NetworkAclId"])


def move(subnet: str, acl_id: str) -> None:
    """Let a network ACL rule a subnet, as somebody would by hand."""
    rows = ec2().describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )["NetworkAcls"]
    association = next(
        each["NetworkAclAssociationId"]
        for each in rows[0]["Associations"]
        if each["SubnetId"] == subnet
    )
    ec2().replace_network_acl_association(AssociationId=association, NetworkAclId=acl_id)


def cut_acls() -> list[str]:
    """The network ACLs that cuts have made and not deleted."""
    rows = ec2().describe_network_acls(Filters=[{"Name": "tag-key", "Values": [MARK]}])
    return [row["NetworkAclId"] for row in rows["NetworkAcls"]]
