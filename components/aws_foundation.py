"""Everything of a stack on AWS below topics and fleets: network, key, identities, Kafka."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, get_caller_identity_output, ssm

from blueprint.access import SUITE
from blueprint.blueprint import Blueprint
from blueprint.listeners import Ports
from blueprint.machine_types import MachineType
from blueprint.stack_config import AwsConfig
from blueprint.subnets import Purpose, subnet_plan
from blueprint.topology import Role
from components.aws_addresses import AwsAddresses
from components.aws_endpoints import FLEET_SERVICES, NODE_SERVICES, Endpoints, EndpointsArgs
from components.aws_firewall import Firewall, FirewallArgs, Group
from components.aws_key import StackKey, StackKeyArgs
from components.aws_policies import partition_of, readable_objects
from components.aws_principals import Principals, PrincipalsArgs
from components.identities import Authority
from components.kafka_cluster import KafkaCluster, KafkaClusterArgs, users_path, zone_names
from components.network import Network, NetworkArgs

#: The parameter in which AWS names the newest image of Amazon Linux 2023.
_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{processor}"
_LOG_DAYS = 30
_GROUPS = {Role.BROKER: Group.BROKERS, Role.CONTROLLER: Group.CONTROLLERS}


@dataclass(frozen=True, slots=True)
class FoundationArgs:
    """A stack; ``aws`` is its configuration's section of that name."""

    stack: str
    blueprint: Blueprint
    aws: AwsConfig


class AwsFoundation(pulumi.ComponentResource):
    """Network, firewall, endpoints, key, logs, principals and the cluster itself."""

    def __init__(
        self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything.

        Raises:
            BadInput: The network has no room for the brokers; nothing is declared.
        """
        self.addresses = addresses(args)
        super().__init__("quorate:aws:Foundation", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOptions(parent=self)
        self.account_id = get_caller_identity_output(opts=invoke).account_id
        self.partition = partition_of(args.aws.region)
        self.network = self._network()
        self.firewall = self._firewall()
        self._endpoints()
        self.log_group = f"/quorate/{args.stack}"
        self.key = self._key()
        self.authority = Authority("authority", f"quorate {args.stack}", self._child)
        self.principals = Principals(
            "principals",
            PrincipalsArgs(
                args.stack,
                args.blueprint,
                self.authority,
                self.key.arn,
                users_path(args.stack),
            ),
            self._child,
        )
        self.cluster = self._cluster(self._log_group_arn(), self._image(invoke))
        self.register_outputs({"vpc_id": self.network.vpc_id})

    @property
    def suite_secret_arn(self) -> pulumi.Output[str]:
        """Where the suite's credentials are; it has none where chaos is not allowed."""
        stored = self.principals.secrets.get(SUITE.name)
        if stored is None:
            return pulumi.Output.from_input("nowhere: this stack does not allow chaos")
        return stored.arn

    def _network(self) -> Network:
        aws = self._args.aws
        return Network(
            self._args.stack,
            NetworkArgs(
                region=aws.region,
                availability_zones=zone_names(aws),
                plan=self.addresses.subnets,
                readable_objects=readable_objects(self.partition, aws.region, aws.kafka),
            ),
            self._child,
        )

    def _firewall(self) -> Firewall:
        config, aws = self._args.blueprint.config, self._args.aws
        clients = {f"client-{one.name}": one.cidrs for one in config.clients}
        clients |= {"fleets-elsewhere": aws.fleet_cidrs, "operators": aws.operator_cidrs}
        return Firewall(
            self._args.stack,
            FirewallArgs(
                vpc_id=self.network.vpc_id,
                s3_prefix_list_id=self.network.s3_prefix_list_id,
                ports=self.addresses.ports,
                clients=clients,
                suite_asks_controllers=config.chaos,
            ),
            self._child,
        )

    def _endpoints(self) -> None:
        own_fleets = needs_cluster(self._args.blueprint)
        Endpoints(
            self._args.stack,
            EndpointsArgs(
                region=self._args.aws.region,
                services=NODE_SERVICES + (FLEET_SERVICES if own_fleets else ()),
                vpc_id=self.network.vpc_id,
                subnet_ids=list(self.network.subnet_ids(Purpose.ENDPOINTS).values()),
                security_group_id=self.firewall.group_id(Group.ENDPOINTS),
            ),
            self._child,
        )

    def _key(self) -> StackKey:
        return StackKey(
            self._args.stack,
            StackKeyArgs(
                stack=self._args.stack,
                partition=self.partition,
                region=self._args.aws.region,
                account_id=self.account_id,
                log_group=self.log_group,
                auto_scaled=needs_cluster(self._args.blueprint),
                protect=self._args.aws.protect_data,
            ),
            self._child,
        )

    def _log_group_arn(self) -> pulumi.Output[str]:
        return cloudwatch.LogGroup(
            self._args.stack,
            name=self.log_group,
            retention_in_days=_LOG_DAYS,
            kms_key_id=self.key.arn,
            tags={"Name": self.log_group},
            opts=self._child,
        ).arn

    def _image(self, invoke: pulumi.InvokeOptions) -> pulumi.Input[str]:
        if self._args.aws.image_id is not None:
            return self._args.aws.image_id
        name = _IMAGE.format(processor=processor(self._args.blueprint.plan.machine))
        return ssm.get_parameter_output(name=name, opts=invoke).insecure_value

    def _cluster(
        self, log_group_arn: pulumi.Output[str], image_id: pulumi.Input[str]
    ) -> KafkaCluster:
        args = self._args
        return KafkaCluster(
            "kafka",
            KafkaClusterArgs(
                stack=args.stack,
                blueprint=args.blueprint,
                aws=args.aws,
                addresses=self.addresses,
                partition=self.partition,
                account_id=self.account_id,
                vpc_id=self.network.vpc_id,
                image_id=image_id,
                key_arn=self.key.arn,
                log_group=self.log_group,
                log_group_arn=log_group_arn,
                subnet_ids=self.network.subnet_ids(Purpose.NODES),
                group_ids={role: self.firewall.group_id(group) for role, group in _GROUPS.items()},
                authority=self.authority,
                users_secret=self.principals.first_users,
            ),
            self._child,
        )


def addresses(args: FoundationArgs) -> AwsAddresses:
    """Where everything of a stack is.

    Raises:
        BadInput: The network has no room for the brokers.
    """
    topology = args.blueprint.topology
    found = AwsAddresses(
        args.stack, topology, subnet_plan(args.aws.vpc_cidr, topology.zones), Ports()
    )
    found.private_ips()
    return found


def needs_cluster(blueprint: Blueprint) -> bool:
    """Whether a Kubernetes cluster is made here: something runs on one, and none is given."""
    aws, config = blueprint.config.aws, blueprint.config
    wanted = bool(config.fleets) or config.game_day is not None
    return wanted and aws is not None and aws.kubeconfig is None


def processor(machine: MachineType) -> str:
    """The processor of a type as Amazon Linux names it: Graviton's families have a g."""
    family = machine.name.split(".")[0]
    generation = family.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789")
    return "arm64" if "g" in generation else "x86_64"
