"""The network of a stack on AWS: private subnets over three zones, and no way to the internet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from blueprint.subnets import Purpose, SubnetPlan

_ANYWHERE, _FIRST_RULE = "0.0.0.0/0", 100


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    """Where, and which addresses.

    Attributes:
        availability_zones: AWS's name of each zone.
        plan: The subnets of the VPC.
        readable_objects: Patterns of S3 ARNs that may be read from here; nothing else may.
    """

    region: str
    availability_zones: Mapping[str, str]
    plan: SubnetPlan
    readable_objects: tuple[str, ...]


class Network(pulumi.ComponentResource):
    """VPC, subnets, one route table, one network ACL of the stack's own, S3's gateway endpoint.

    Attributes:
        subnets: By zone and purpose.
        s3_prefix_list_id: S3's addresses, as security groups name them.
    """

    vpc_id: pulumi.Output[str]
    s3_prefix_list_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:Network", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = ec2.Vpc(
            name,
            cidr_block=str(args.plan.vpc),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=self._child,
        )
        self.vpc_id = vpc.id
        self.subnets = {place: self._subnet(*place) for place in args.plan.subnets}
        table = ec2.RouteTable(name, vpc_id=vpc.id, tags={"Name": name}, opts=self._child)
        acl = self._acl()
        for (zone, purpose), subnet in self.subnets.items():
            place = f"{name}-{purpose}-{zone}"
            ec2.RouteTableAssociation(
                place, subnet_id=subnet.id, route_table_id=table.id, opts=self._child
            )
            ec2.NetworkAclAssociation(
                place, subnet_id=subnet.id, network_acl_id=acl.id, opts=self._child
            )
        self.s3_prefix_list_id = self._s3(table).prefix_list_id
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "subnet_ids": {
                    purpose: list(self.subnet_ids(purpose).values()) for purpose in Purpose
                },
            }
        )

    def subnet_ids(self, purpose: Purpose) -> dict[str, pulumi.Output[str]]:
        """For each zone its subnet for a purpose."""
        return {zone: one.id for (zone, what), one in self.subnets.items() if what is purpose}

    def _subnet(self, zone: str, purpose: Purpose) -> ec2.Subnet:
        name = f"{self._name}-{purpose}-{zone}"
        return ec2.Subnet(
            name,
            vpc_id=self.vpc_id,
            cidr_block=str(self._args.plan.of(zone, purpose)),
            availability_zone=self._args.availability_zones[zone],
            map_public_ip_on_launch=False,
            tags={"Name": name, "quorate:zone": zone, "quorate:purpose": purpose},
            opts=self._child,
        )

    def _acl(self) -> ec2.NetworkAcl:
        """Lets everything through: who may reach what is the security groups' to say.

        It is there to be swapped. A game day cuts a zone off by another one, and what it puts back
        is this one and never the account's default.
        """
        return ec2.NetworkAcl(
            self._name,
            vpc_id=self.vpc_id,
            ingress=[
                ec2.NetworkAclIngressArgs(
                    protocol="-1",
                    rule_no=_FIRST_RULE,
                    action="allow",
                    cidr_block=_ANYWHERE,
                    from_port=0,
                    to_port=0,
                )
            ],
            egress=[
                ec2.NetworkAclEgressArgs(
                    protocol="-1",
                    rule_no=_FIRST_RULE,
                    action="allow",
                    cidr_block=_ANYWHERE,
                    from_port=0,
                    to_port=0,
                )
            ],
            tags={"Name": self._name},
            opts=self._child,
        )

    def _s3(self, table: ec2.RouteTable) -> ec2.VpcEndpoint:
        """Kafka's archive and the distribution's packages come over it; it costs nothing."""
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": list(self._args.readable_objects),
        }
        return ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id],
            policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            tags={"Name": f"{self._name}-s3"},
            opts=self._child,
        )
