"""Where a stack's fleets run on AWS: EKS over three zones, reached from within the VPC alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_kubernetes as k8s
from pulumi_aws import ec2, eks, iam, vpc

from blueprint.fleet_machines import FleetMachines
from components.aws_firewall import HTTPS
from components.aws_policies import trust

#: Kubernetes 1.35 tells a pod its node's zone, which is a fleet's rack.
VERSION = "1.35"
_ROOT_GIB = 50
#: What the machines of EKS need by AWS's own policies; the network add-on has its own role.
_NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
_NETWORK_POLICY, _CLUSTER_POLICY = "AmazonEKS_CNI_Policy", "AmazonEKSClusterPolicy"
_DISK_POLICY = "service-role/AmazonEBSCSIDriverPolicy"
_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_PODS = "pods.eks.amazonaws.com"
#: Add-ons that call AWS as a role of their own: the account of each, and its policy.
_ROLES = {
    "vpc-cni": ("aws-node", _NETWORK_POLICY),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", _DISK_POLICY),
}
#: Without it a NetworkPolicy is text that nobody enforces.
_CONFIGURED = {"vpc-cni": json.dumps({"enableNetworkPolicy": "true"})}
_ADDONS = ("eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesClusterArgs:
    """A cluster.

    Attributes:
        subnet_ids: The fleets', one in each zone.
        group_id: The fleets' security group: what the brokers let in.
        operator_cidrs: From where its API may be called, besides from itself.
        machines: Theirs.
    """

    stack: str
    partition: str
    region: str
    subnet_ids: list[pulumi.Output[str]]
    group_id: pulumi.Input[str]
    key_arn: pulumi.Output[str]
    operator_cidrs: tuple[IPv4Network, ...]
    machines: FleetMachines


class KubernetesCluster(pulumi.ComponentResource):
    """Control plane, machines, add-ons, and the provider of what is declared on it.

    Attributes:
        provider: For the resources of ``pulumi_kubernetes``.
        kubeconfig: What it reaches the cluster by; holds no secret.
    """

    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]

    def __init__(
        self, name: str, args: KubernetesClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:KubernetesCluster", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        cluster = self._cluster()
        self.name = cluster.name
        self._admit(cluster)
        machines = self._machines(cluster)
        self._addons(machines)
        self.kubeconfig = self._kubeconfig(cluster)
        self.provider = k8s.Provider(
            name,
            kubeconfig=self.kubeconfig,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[machines]),
        )
        self.register_outputs({"name": self.name})

    def pod_role(
        self, name: str, namespace: str, account: str, policy: pulumi.Input[str]
    ) -> iam.Role:
        """Let the pods of one service account do what a policy says, and nothing else on AWS."""
        role = self._role(name, _PODS)
        iam.RolePolicy(name, role=role.name, policy=policy, opts=self._child)
        self._bind(name, namespace, account, role)
        return role

    def _cluster(self) -> eks.Cluster:
        args = self._args
        role = self._role(f"{self._name}-control-plane", "eks.amazonaws.com", _CLUSTER_POLICY)
        return eks.Cluster(
            self._name,
            version=VERSION,
            role_arn=role.arn,
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=args.subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=False,
            ),
            access_config=eks.ClusterAccessConfigArgs(authentication_mode="API"),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.key_arn),
                resources=["secrets"],
            ),
            enabled_cluster_log_types=list(_LOGS),
            tags={"Name": f"{args.stack}-{self._name}"},
            opts=self._child,
        )

    def _admit(self, cluster: eks.Cluster) -> None:
        group = cluster.vpc_config.cluster_security_group_id
        for network in self._args.operator_cidrs:
            name = f"{self._name}-operators-{network}".replace("/", "-")
            vpc.SecurityGroupIngressRule(
                name,
                security_group_id=group,
                cidr_ipv4=str(network),
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                description="operators, to the API",
                tags={"Name": name},
                opts=self._child,
            )

    def _machines(self, cluster: eks.Cluster) -> eks.NodeGroup:
        args, name = self._args, f"{self._name}-machines"
        role = self._role(name, "ec2.amazonaws.com", *_NODE_POLICIES)
        template = self._template(cluster, name)
        wanted, zones = args.machines, len(args.subnet_ids)
        least, most = wanted.per_zone * zones, wanted.most_per_zone * zones
        return eks.NodeGroup(
            name,
            cluster_name=cluster.name,
            node_role_arn=role.arn,
            subnet_ids=args.subnet_ids,
            ami_type="AL2023_ARM_64_STANDARD",
            instance_types=[wanted.machine.name],
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=least, desired_size=least, max_size=most
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            launch_template=eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            tags={"Name": f"{args.stack}-{name}"},
            opts=self._child,
        )

    def _template(self, cluster: eks.Cluster, name: str) -> ec2.LaunchTemplate:
        args = self._args
        disk = ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_type="gp3",
            volume_size=_ROOT_GIB,
            encrypted="true",
            kms_key_id=args.key_arn,
            delete_on_termination="true",
        )
        return ec2.LaunchTemplate(
            name,
            vpc_security_group_ids=[
                cluster.vpc_config.cluster_security_group_id.apply(str),
                args.group_id,
            ],
            # One hop: what a pod may do on AWS is its own identity's to say, not its machine's.
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(device_name="/dev/xvda", ebs=disk)
            ],
            tags={"Name": f"{args.stack}-{name}"},
            opts=self._child,
        )

    def _addons(self, machines: eks.NodeGroup) -> None:
        for addon in _ADDONS:
            name = f"{self._name}-{addon}"
            # Machines are not ready without a network; everything else needs machines.
            first = addon in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
            if addon in _ROLES:
                account, policy = _ROLES[addon]
                self._bind(name, "kube-system", account, self._role(name, _PODS, policy))
            eks.Addon(
                name,
                cluster_name=self.name,
                addon_name=addon,
                configuration_values=_CONFIGURED.get(addon),
                tags={"Name": f"{self._args.stack}-{name}"},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[] if first else [machines]),
            )

    def _role(self, name: str, service: str, *policies: str) -> iam.Role:
        role = iam.Role(
            name,
            description=f"quorate {self._args.stack}: {name}",
            assume_role_policy=trust(service),
            tags={"Name": f"{self._args.stack}-{name}"},
            opts=self._child,
        )
        for policy in policies:
            iam.RolePolicyAttachment(
                f"{name}-{policy.rpartition('/')[2]}",
                role=role.name,
                policy_arn=f"arn:{self._args.partition}:iam::aws:policy/{policy}",
                opts=self._child,
            )
        return role

    def _bind(self, name: str, namespace: str, account: str, role: iam.Role) -> None:
        eks.PodIdentityAssociation(
            name,
            cluster_name=self.name,
            namespace=namespace,
            service_account=account,
            role_arn=role.arn,
            tags={"Name": f"{self._args.stack}-{name}"},
            opts=self._child,
        )

    def _kubeconfig(self, cluster: eks.Cluster) -> pulumi.Output[str]:
        known = pulumi.Output.all(
            name=cluster.name,
            endpoint=cluster.endpoint,
            authority=cluster.certificate_authority.data,
        )
        return known.apply(lambda given: kubeconfig(self._args.region, given))


def kubeconfig(region: str, cluster: Mapping[str, str]) -> str:
    """How the cluster is reached: with a token that the AWS CLI asks for, and no secret."""
    name = cluster["name"]
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name],
        "interactiveMode": "Never",
    }
    server = {
        "server": cluster["endpoint"],
        "certificate-authority-data": cluster["authority"],
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": server}],
            "users": [{"name": name, "user": {"exec": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
