"""Kafka on EC2: dedicated controllers and brokers over three zones, changed one at a time."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

import pulumi
from pulumi_aws import route53, ssm

from blueprint.blueprint import Blueprint
from blueprint.broker_settings import render_properties, server_properties
from blueprint.host_settings import render_sysctl
from blueprint.listeners import ClusterAddresses
from blueprint.machine_types import CONTROLLER_TYPE, GP3, MachineType
from blueprint.stack_config import AwsConfig
from blueprint.topology import Node, Role
from components.aws_addresses import AwsAddresses
from components.brokers_kept import BrokersKept
from components.identities import Authority, ClusterId, node_identity
from components.kafka_node import Disk, KafkaNode, KafkaNodeArgs, NodeFrame
from components.rolling_restart import CalmCluster
from components.secret_store import StoredSecret
from components.user_data import (
    AUTHORITY,
    CLUSTER,
    DATA_DIR,
    LIMITS,
    SETTINGS,
    SYSCTL,
    NodeFacts,
    limits,
)

_MIB = 1 << 20
#: The metadata log and its snapshots, many times over.
_CONTROLLER_GIB = 16
#: For one node: its script waits up to an hour for a calm cluster, twice.
_ROLL_TIMEOUT_S = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaClusterArgs:
    """A cluster.

    Attributes:
        image_id: The hosts' image; the stack's own wins over it.
        subnet_ids: For each zone its nodes' subnet.
        group_ids: For each role its security group.
        users_secret: Whom the quorum lets in by password from its first moment on.
    """

    stack: str
    blueprint: Blueprint
    aws: AwsConfig
    addresses: AwsAddresses
    partition: str
    account_id: pulumi.Output[str]
    vpc_id: pulumi.Input[str]
    image_id: pulumi.Input[str]
    key_arn: pulumi.Output[str]
    log_group: str
    log_group_arn: pulumi.Output[str]
    subnet_ids: Mapping[str, pulumi.Output[str]]
    group_ids: Mapping[Role, pulumi.Output[str]]
    authority: Authority
    users_secret: StoredSecret | None


class KafkaCluster(pulumi.ComponentResource):
    """Every node, their names, and what Systems Manager may run on them.

    Attributes:
        calm: Done when every node answers and nothing is under-replicated.
    """

    cluster_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:KafkaCluster", name, {}, opts)
        self._name, self._args = name, args
        kept = BrokersKept("brokers-kept", args.blueprint, pulumi.ResourceOptions(parent=self))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[kept])
        self.cluster_id = ClusterId(name, self._child).cluster_id
        self._addresses = args.addresses.cluster()
        self._shared = {role: self._shared_parameters(role) for role in Role}
        frame = self._frame()
        private_ips = args.addresses.private_ips()
        after: pulumi.Resource = kept
        nodes: dict[str, KafkaNode] = {}
        for node in in_turn(args.blueprint.topology.nodes):
            made = KafkaNode(
                node.name, self._node(node, frame, private_ips[node.id], after), self._child
            )
            nodes[node.name], after = made, made.rolled
        self.calm = CalmCluster(
            f"{name}-calm",
            args.aws.region,
            frame.document,
            {node: made.instance_id for node, made in nodes.items()},
            pulumi.ResourceOptions(parent=self, depends_on=list(nodes.values())),
        )
        self.register_outputs({"cluster_id": self.cluster_id})

    def _frame(self) -> NodeFrame:
        args = self._args
        zone = route53.Zone(
            self._name,
            name=args.addresses.zone_name,
            comment=f"nodes of {args.stack}",
            vpcs=[route53.ZoneVpcArgs(vpc_id=args.vpc_id)],
            tags={"Name": args.addresses.zone_name},
            opts=self._child,
        )
        document = ssm.Document(
            self._name,
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=roll_document(),
            tags={"Name": f"{args.stack}-{self._name}"},
            opts=self._child,
        )
        return NodeFrame(
            stack=args.stack,
            partition=args.partition,
            account_id=args.account_id,
            key_arn=args.key_arn,
            log_group_arn=args.log_group_arn,
            zone_id=zone.zone_id,
            image_id=args.aws.image_id or args.image_id,
            image_pinned=args.aws.image_id is not None,
            document=document.name,
            cluster_id=self.cluster_id,
            voters=self.cluster_id.apply(args.addresses.voters),
        )

    def _shared_parameters(self, role: Role) -> dict[str, pulumi.Output[str]]:
        """For each parameter that all nodes of a role read a digest of what it holds."""
        args = self._args
        host = args.blueprint.host
        texts: dict[str, pulumi.Input[str]] = {
            SYSCTL: render_sysctl(host),
            LIMITS: limits(host, role, self._machine(role)),
            AUTHORITY: args.authority.certificate_pem,
        }
        for what, text in texts.items():
            path = self._paths(f"{role}s")[what]
            ssm.Parameter(
                f"{role}s-{what}",
                name=path,
                type="String",
                value=text,
                description=f"{what} of every {role} of {args.stack}",
                tags={"Name": path},
                opts=self._child,
            )
        return {what: pulumi.Output.from_input(text).apply(_digest) for what, text in texts.items()}

    def _node(
        self, node: Node, frame: NodeFrame, address: str, after: pulumi.Resource
    ) -> KafkaNodeArgs:
        args = self._args
        host = args.addresses.host(node)
        return KafkaNodeArgs(
            frame=frame,
            facts=self._facts(node),
            identity=node_identity(args.authority, node.name, [host, address]),
            server_properties=node_properties(args.blueprint, self._addresses, node),
            shared=self._shared[node.role],
            users_secret=args.users_secret if node.role is Role.CONTROLLER else None,
            instance_type=self._machine(node.role).name,
            availability_zone=zone_names(args.aws)[node.zone],
            subnet_id=args.subnet_ids[node.zone],
            security_group_id=args.group_ids[node.role],
            address=address,
            disk=data_disk(args.blueprint, node.role),
            protect_data=args.aws.protect_data and not self._drained(node),
            after=after,
        )

    def _facts(self, node: Node) -> NodeFacts:
        args = self._args
        own, peers = args.addresses.replication_bootstrap(node)
        users = args.users_secret is not None and node.role is Role.CONTROLLER
        return NodeFacts(
            node=node,
            host=args.addresses.host(node),
            region=args.aws.region,
            volume_id="",
            cluster_id="",
            voters="",
            own_bootstrap=own,
            peer_bootstrap=peers,
            controller_bootstrap=args.addresses.controller_bootstrap(),
            controllers=len(args.blueprint.topology.controllers),
            settings={
                **self._paths(f"{node.role}s"),
                SETTINGS: settings_path(args.stack, node),
                CLUSTER: f"/quorate/{args.stack}/{node.name}/cluster",
            },
            node_secret=f"quorate/{args.stack}/{node.name}",
            users_secret=users_path(args.stack) if users else "",
            log_group=args.log_group,
            artifact=args.aws.kafka,
            host_settings=args.blueprint.host,
        )

    def _drained(self, node: Node) -> bool:
        return node.id in self._args.blueprint.config.drained_brokers

    def _paths(self, whose: str) -> dict[str, str]:
        prefix = f"/quorate/{self._args.stack}/{whose}"
        return {what: f"{prefix}/{what}" for what in (SYSCTL, LIMITS, AUTHORITY)}

    def _machine(self, role: Role) -> MachineType:
        return CONTROLLER_TYPE if role is Role.CONTROLLER else self._args.blueprint.plan.machine


def in_turn(nodes: Iterable[Node]) -> list[Node]:
    """The order in which nodes are changed: controllers first, then brokers zone by zone."""
    return sorted(nodes, key=lambda node: (node.role is Role.BROKER, node.zone, node.id))


def node_properties(blueprint: Blueprint, addresses: ClusterAddresses, node: Node) -> str:
    """The text of a node's server.properties."""
    properties = server_properties(
        blueprint.topology, node, addresses, blueprint.broker_settings, DATA_DIR
    )
    return render_properties(properties)


def settings_path(stack: str, node: Node) -> str:
    """The name of the parameter that is a node's server.properties."""
    return f"/quorate/{stack}/{node.name}/server.properties"


def users_path(stack: str) -> str:
    """The name of the secret of whom the quorum lets in from its first moment on."""
    return f"quorate/{stack}/first-users"


def zone_names(aws: AwsConfig) -> dict[str, str]:
    """AWS's name of each zone."""
    return dict(zip("abc", aws.availability_zones, strict=True))


def data_disk(blueprint: Blueprint, role: Role) -> Disk:
    """The volume of a node: a broker's as planned, a controller's as small as gp3 has it."""
    if role is Role.CONTROLLER:
        return Disk(_CONTROLLER_GIB, GP3.free_iops, GP3.free_bytes_per_s // 1_000_000)
    plan = blueprint.plan
    # gp3 includes 125 MiB/s, which the price list calls 125 MB/s.
    planned = ceil(plan.disk_bytes_per_s_per_broker.value / _MIB)
    return Disk(
        plan.disk_gib_per_broker.value,
        plan.disk_iops_per_broker.value,
        max(GP3.free_bytes_per_s // 1_000_000, planned),
    )


def roll_document() -> str:
    """What Systems Manager may run on a node: the node's own script, and two words of it."""
    step = {
        "action": "aws:runShellScript",
        "name": "quorate",
        "inputs": {
            "timeoutSeconds": str(_ROLL_TIMEOUT_S),
            "runCommand": ["/usr/local/sbin/quorate-node {{ action }}"],
        },
    }
    action = {"type": "String", "description": "What to do", "allowedValues": ["roll", "await"]}
    document = {
        "schemaVersion": "2.2",
        "description": "Take up new settings, or wait for a calm cluster",
        "parameters": {"action": action},
        "mainSteps": [step],
    }
    return json.dumps(document)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
