"""Who may connect to whom in a stack on AWS: nothing that no rule here names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

import pulumi
from pulumi_aws import ec2, vpc

from blueprint.listeners import Ports

HTTPS = 443


class Group(StrEnum):
    """Everybody who is in the VPC."""

    BROKERS = "brokers"
    CONTROLLERS = "controllers"
    FLEETS = "fleets"
    ENDPOINTS = "endpoints"


@dataclass(frozen=True, slots=True)
class FirewallArgs:
    """Who is let in.

    Attributes:
        s3_prefix_list_id: S3's addresses.
        clients: By client, where it connects to brokers from.
        suite_asks_controllers: Whether the chaos suite, which runs among the fleets, may.
    """

    vpc_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]
    ports: Ports
    clients: dict[str, tuple[IPv4Network, ...]]
    suite_asks_controllers: bool


@dataclass(frozen=True, slots=True)
class _Way:
    """From one group to another, in at the one's end and out at the other's."""

    source: Group
    target: Group
    ports: tuple[int, int]
    what: str


class Firewall(pulumi.ComponentResource):
    """A security group for each of :class:`Group`, and one rule for each way."""

    def __init__(
        self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:Firewall", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._groups = {group: self._group(group) for group in Group}
        for way in _ways(args):
            self._open(way)
        for client, networks in args.clients.items():
            for network in networks:
                self._let_in(client, network)
        for group in (Group.BROKERS, Group.CONTROLLERS, Group.FLEETS):
            self._out_to_s3(group)
        self.register_outputs({group: self.group_id(group) for group in Group})

    def group_id(self, group: Group) -> pulumi.Output[str]:
        """The id of a group."""
        return self._groups[group].id

    def _group(self, group: Group) -> ec2.SecurityGroup:
        name = f"{self._name}-{group}"
        return ec2.SecurityGroup(
            name,
            vpc_id=self._args.vpc_id,
            description=f"{group} of {self._name}; rules are resources of their own",
            tags={"Name": name},
            opts=self._child,
        )

    def _open(self, way: _Way) -> None:
        name = f"{self._name}-{way.source}-to-{way.target}-{way.what}"
        low, high = way.ports
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.group_id(way.target),
            referenced_security_group_id=self.group_id(way.source),
            ip_protocol="tcp",
            from_port=low,
            to_port=high,
            description=f"{way.what} from {way.source}",
            tags={"Name": name},
            opts=self._child,
        )
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.group_id(way.source),
            referenced_security_group_id=self.group_id(way.target),
            ip_protocol="tcp",
            from_port=low,
            to_port=high,
            description=f"{way.what} to {way.target}",
            tags={"Name": name},
            opts=self._child,
        )

    def _let_in(self, client: str, network: IPv4Network) -> None:
        name = f"{self._name}-{client}-{network}".replace("/", "-")
        low, high = client_ports(self._args.ports)
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.group_id(Group.BROKERS),
            cidr_ipv4=str(network),
            ip_protocol="tcp",
            from_port=low,
            to_port=high,
            description=client,
            tags={"Name": name},
            opts=self._child,
        )

    def _out_to_s3(self, group: Group) -> None:
        name = f"{self._name}-{group}-to-s3"
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.group_id(group),
            prefix_list_id=self._args.s3_prefix_list_id,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            description="packages and the archive, over the gateway endpoint",
            tags={"Name": name},
            opts=self._child,
        )


def client_ports(ports: Ports) -> tuple[int, int]:
    """The first and the last of the ports that clients use; they are neighbours."""
    return min(ports.client.values()), max(ports.client.values())


def _ways(args: FirewallArgs) -> Iterator[_Way]:
    replication = args.ports.replication, args.ports.replication
    quorum = args.ports.controller, args.ports.controller
    yield _Way(Group.BROKERS, Group.BROKERS, replication, "replication")
    yield _Way(Group.BROKERS, Group.CONTROLLERS, quorum, "quorum")
    yield _Way(Group.CONTROLLERS, Group.CONTROLLERS, quorum, "quorum")
    yield _Way(Group.FLEETS, Group.BROKERS, client_ports(args.ports), "clients")
    if args.suite_asks_controllers:
        yield _Way(Group.FLEETS, Group.CONTROLLERS, quorum, "quorum")
    yield from _to_endpoints((Group.BROKERS, Group.CONTROLLERS, Group.FLEETS))


def _to_endpoints(groups: Iterable[Group]) -> Iterator[_Way]:
    for group in groups:
        yield _Way(group, Group.ENDPOINTS, (HTTPS, HTTPS), "https")
