"""The platform on AWS: Kafka on EC2, its topics and users, its fleets on Kubernetes."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from blueprint.blueprint import Blueprint
from blueprint.broker_settings import server_properties
from blueprint.client_settings import producer_settings
from blueprint.fleet_machines import FleetMachines, fleet_machines
from blueprint.outputs import AwsOutput, CredentialsOutput, NodeOutput, StackOutputs
from blueprint.security import security_output
from blueprint.stack_config import AwsConfig
from blueprint.subnets import Purpose
from components.aws_contents import AwsContents, ContentsArgs
from components.aws_firewall import Group
from components.aws_fleets import GAME_DAY, NAMESPACE, AwsFleets, FleetsArgs
from components.aws_foundation import AwsFoundation, FoundationArgs, addresses, needs_cluster
from components.aws_policies import SuiteRights, suite_policy
from components.kafka_admin import KafkaConnection
from components.kafka_cluster import zone_names
from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs
from components.user_data import DATA_DIR

STACK_TAG, CHAOS_TAG = "quorate:stack", "quorate:chaos"


def declare(blueprint: Blueprint) -> pulumi.Output[dict[str, object]]:
    """Declare a stack of the target ``aws``; returns its StackOutputs as a mapping.

    Raises:
        BadInput: The network has no room for the brokers, or no machine for a fleet's pod; nothing
            is declared.
    """
    config = blueprint.config.aws
    assert config is not None
    foundation = FoundationArgs(pulumi.get_stack(), blueprint, config)
    addresses(foundation)
    if needs_cluster(blueprint):
        _machines(blueprint)
    return AwsPlatform("aws", foundation).outputs


class AwsPlatform(pulumi.ComponentResource):
    """Everything of one stack, each resource with the stack's tags.

    Attributes:
        outputs: StackOutputs as a mapping.
    """

    outputs: pulumi.Output[dict[str, object]]

    def __init__(
        self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it all."""
        aim = {"planned_events_per_s": args.blueprint.plan.demand.planned_events_per_s}
        super().__init__("quorate:aws:Platform", name, aim, opts)
        self._args = args
        self._within = pulumi.ResourceOptions(parent=self, providers=[tagged_provider(args, self)])
        self._foundation = AwsFoundation("foundation", args, self._within)
        said = self._said()
        self.outputs = said.apply(lambda one: one.model_dump(mode="json", by_alias=True))
        contents = self._contents()
        if args.blueprint.fleets or args.blueprint.config.game_day is not None:
            self._fleets(contents, said.apply(lambda one: one.to_json()))
        self.register_outputs(aim)

    def _contents(self) -> AwsContents:
        made, blueprint = self._foundation, self._args.blueprint
        bootstrap = made.addresses.bootstrap(blueprint.topology.zones[0])
        connection = KafkaConnection(bootstrap, made.principals.admin_settings())
        return AwsContents(
            "contents",
            ContentsArgs(blueprint, connection, made.principals, made.cluster.calm),
            self._within,
        )

    def _fleets(self, contents: AwsContents, outputs: pulumi.Output[str]) -> None:
        made, args = self._foundation, self._args
        provider, kubeconfig = self._kubernetes()
        AwsFleets(
            "fleets",
            FleetsArgs(
                blueprint=args.blueprint,
                addresses=made.addresses,
                zone_names=zone_names(args.aws),
                authority=made.authority,
                principals=made.principals,
                needs=contents.users,
                topics=contents.topics,
                outputs=outputs,
                own_cluster=needs_cluster(args.blueprint),
                kubeconfig=kubeconfig,
            ),
            pulumi.ResourceOptions(parent=self, providers=[provider]),
        )

    def _kubernetes(self) -> tuple[k8s.Provider, pulumi.Output[str]]:
        """Who makes what is on Kubernetes, and how he reaches it."""
        if not needs_cluster(self._args.blueprint):
            given = pulumi.Output.secret(self._args.aws.kubeconfig or "")
            own = pulumi.ResourceOptions(parent=self)
            return k8s.Provider("kubernetes", kubeconfig=given, opts=own), given
        made, args = self._foundation, self._args
        cluster = KubernetesCluster(
            "kubernetes",
            KubernetesClusterArgs(
                stack=args.stack,
                partition=made.partition,
                region=args.aws.region,
                subnet_ids=list(made.network.subnet_ids(Purpose.FLEETS).values()),
                group_id=made.firewall.group_id(Group.FLEETS),
                key_arn=made.key.arn,
                operator_cidrs=args.aws.operator_cidrs,
                machines=_machines(args.blueprint),
            ),
            self._within,
        )
        if args.blueprint.config.game_day is not None:
            cluster.pod_role(GAME_DAY, NAMESPACE, GAME_DAY, self._suite_policy())
        return cluster.provider, cluster.kubeconfig

    def _suite_policy(self) -> pulumi.Output[str]:
        made, args = self._foundation, self._args
        known = pulumi.Output.all(
            account_id=made.account_id,
            vpc_id=made.network.vpc_id,
            secret_arn=made.suite_secret_arn,
            key_arn=made.key.arn,
        )
        return known.apply(
            lambda given: suite_policy(
                SuiteRights(
                    partition=made.partition,
                    region=args.aws.region,
                    chaos_tag=(CHAOS_TAG, args.stack),
                    **given,
                )
            )
        )

    def _said(self) -> pulumi.Output[StackOutputs]:
        made = self._foundation
        known = pulumi.Output.all(
            account_id=made.account_id,
            vpc_id=made.network.vpc_id,
            subnet_ids=made.network.subnet_ids(Purpose.NODES),
            cluster_id=made.cluster.cluster_id,
            ca_pem=made.authority.certificate_pem,
            secret_arn=made.suite_secret_arn,
        )
        return known.apply(lambda given: stack_outputs(self._args, given))


def _machines(blueprint: Blueprint) -> FleetMachines:
    return fleet_machines(blueprint.fleets, blueprint.config.game_day is not None)


def tagged_provider(args: FoundationArgs, parent: pulumi.Resource | None) -> aws.Provider:
    """The provider of a stack's region, which tags whatever it makes with the stack's tags.

    The chaos tag is only there where chaos is allowed: without it nothing is touched.
    """
    tags = {STACK_TAG: args.stack}
    if args.blueprint.config.chaos:
        tags[CHAOS_TAG] = args.stack
    return aws.Provider(
        "aws",
        region=args.aws.region,
        default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def stack_outputs(args: FoundationArgs, given: Mapping[str, object]) -> StackOutputs:
    """What the chaos suite is told of a stack.

    Args:
        args: The stack.
        given: ``account_id``, ``vpc_id``, ``subnet_ids`` by zone, ``cluster_id``, ``ca_pem``,
            ``secret_arn``: what only AWS or the stack's state knows.
    """
    blueprint, found = args.blueprint, addresses(args)
    topology = blueprint.topology
    bootstrap = {zone: found.bootstrap(zone) for zone in topology.zones}
    credentials = CredentialsOutput(source="aws-secret", at=str(given["secret_arn"]))
    security = blueprint.broker_settings.security
    return StackOutputs(
        stack=args.stack,
        target="aws",
        cluster_id=str(given["cluster_id"]),
        zones=topology.zones,
        nodes=tuple(
            NodeOutput(
                id=node.id,
                name=node.name,
                role=node.role,
                zone=node.zone,
                host=found.host(node),
                port=found.endpoint(node).port,
            )
            for node in topology.nodes
        ),
        bootstrap_servers=bootstrap,
        profile=blueprint.profile.name,
        broker_settings=server_properties(
            topology, topology.brokers[0], found.cluster(), blueprint.broker_settings, DATA_DIR
        ),
        client_settings=producer_settings(blueprint.profile, bootstrap[topology.zones[0]]),
        security=security_output(security, str(given["ca_pem"]), credentials),
        aws=_aws_output(args.aws, args.stack, blueprint.config.chaos, given),
    )


def _aws_output(
    config: AwsConfig, stack: str, chaos: bool, given: Mapping[str, object]
) -> AwsOutput:
    subnets = given["subnet_ids"]
    assert isinstance(subnets, Mapping)
    return AwsOutput(
        region=config.region,
        account_id=str(given["account_id"]),
        vpc_id=str(given["vpc_id"]),
        subnet_ids={zone: (subnet,) for zone, subnet in subnets.items()},
        chaos_tag=(CHAOS_TAG, stack) if chaos else None,
    )
