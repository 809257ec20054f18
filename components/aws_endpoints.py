"""AWS's own services as seen from the private subnets: one interface endpoint each."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

#: What a node of Kafka calls: Systems Manager, its secret, its logs.
NODE_SERVICES = ("ssm", "ssmmessages", "ec2messages", "secretsmanager", "logs")
#: What a Kubernetes node and its pods call besides: images, identities, network interfaces.
FLEET_SERVICES = ("ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth")


@dataclass(frozen=True, slots=True)
class EndpointsArgs:
    """Which services, and where.

    Attributes:
        services: By the last part of AWS's own names.
        subnet_ids: One subnet in each zone: a zone that is lost takes no other's endpoint along.
    """

    region: str
    services: tuple[str, ...]
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]


class Endpoints(pulumi.ComponentResource):
    """The interface endpoints of a VPC. Each costs by the hour in each zone."""

    def __init__(
        self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them."""
        super().__init__("quorate:aws:Endpoints", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.endpoints = [
            ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=args.subnet_ids,
                security_group_ids=[args.security_group_id],
                tags={"Name": f"{name}-{service}"},
                opts=child,
            )
            for service in args.services
        ]
        self.register_outputs({"ids": [endpoint.id for endpoint in self.endpoints]})
