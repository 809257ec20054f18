"""The shipped stack on AWS as it is declared: what each role may do, what is reached from where."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from blueprint.machine_types import GP3
from policies.resource import Resource, Secret
from tests.policies.render_stack import settings_of
from tests.policies.stacks import AWS, rendered, shipped

#: What a role may do: the actions of a statement, and on what.
Rights = set[tuple[tuple[str, ...], tuple[str, ...]]]

_PAGE = Path(__file__).parents[2] / "docs/aws.md"
_ACCOUNT = "1" * 12
_HERE = f"eu-central-1:{_ACCOUNT}"
_NODES = {
    *(f"broker-{one}" for one in range(1, 10)),
    *(f"controller-{one}" for one in (101, 102, 103)),
}
#: What the agent of Systems Manager calls, and the one thing of a node that AWS narrows to nothing.
_AGENT = (
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
_LOOK = ("ec2:DescribeNetworkAcls", "ec2:DescribeSubnets", "ec2:DescribeVpcs")
#: Every statement for all resources that there is, by what it lets do: AWS narrows none of these.
_UNBOUNDED = {_AGENT, _LOOK}
_NODE_SERVICES = {"ssm", "ssmmessages", "ec2messages", "secretsmanager", "logs"}
_FLEET_SERVICES = {"ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth"}
_KUBECONFIG = json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "ours"})
_FLEETS_FROM = "10.60.0.0/16"


@cache
def _elsewhere() -> tuple[Resource, ...]:
    """The same stack with its fleets on a cluster that is given."""
    given = {"kubeconfig": _KUBECONFIG, "fleet_cidrs": [_FLEETS_FROM]}
    return rendered(AWS, {"aws": settings_of(AWS)["aws"] | given})


def test_each_node_may_do_exactly_its_own() -> None:
    """Read its own secret, settings and the archive, write the stack's logs; nothing else."""
    policies = _policies(shipped(AWS))
    assert set(policies) - {"game-day"} == _NODES
    for node in _NODES:
        assert _rights(policies[node]) == _node_rights(node)


def test_the_game_day_may_do_exactly_its_own() -> None:
    """Move subnets of its own VPC behind network ACLs, and read the suite's credentials."""
    acls, subnets = f"arn:aws:ec2:{_HERE}:network-acl/*", f"arn:aws:ec2:{_HERE}:subnet/*"
    assert _rights(_policies(shipped(AWS))["game-day"]) == {
        (_LOOK, ("*",)),
        (("ec2:CreateNetworkAcl",), (f"arn:aws:ec2:{_HERE}:vpc/vpc-aws",)),
        (("ec2:CreateNetworkAcl",), (acls,)),
        (("ec2:CreateTags",), (acls,)),
        (("ec2:ReplaceNetworkAclAssociation",), (subnets,)),
        (("ec2:ReplaceNetworkAclAssociation",), (acls,)),
        (("ec2:DeleteNetworkAcl",), (acls,)),
        (("secretsmanager:GetSecretValue",), ("secret-quorate-chaos-credentials",)),
        (("kms:Decrypt",), ("key-aws",)),
    }


def test_every_other_role_has_one_policy_of_awss_for_its_work() -> None:
    """EKS, its machines and its add-ons; no node of Kafka and no game day has one."""
    prefix = "arn:aws:iam::aws:policy/"
    attached = {
        (
            one.name.removesuffix(f"-{str(one.properties['policyArn']).rpartition('/')[2]}"),
            str(one.properties["policyArn"]).removeprefix(prefix),
        )
        for one in _of(shipped(AWS), "RolePolicyAttachment")
    }
    assert attached == {
        ("kubernetes-control-plane", "AmazonEKSClusterPolicy"),
        ("kubernetes-machines", "AmazonEKSWorkerNodePolicy"),
        ("kubernetes-machines", "AmazonEC2ContainerRegistryPullOnly"),
        ("kubernetes-vpc-cni", "AmazonEKS_CNI_Policy"),
        ("kubernetes-aws-ebs-csi-driver", "service-role/AmazonEBSCSIDriverPolicy"),
    }
    assert {one.name for one in _of(shipped(AWS), "Role")} == _NODES | {"game-day"} | {
        role for role, _ in attached
    }


def test_whatever_is_for_all_resources_is_what_aws_narrows_for_nobody() -> None:
    """However it is written: alone or in a list, for everything or for everything of a kind."""
    for policy in _policies(shipped(AWS)).values():
        for actions, on in _rights(policy):
            assert not [one for one in actions if "*" in one]
            if "*" in on:
                assert actions in _UNBOUNDED
                continue
            # Within the account, of one kind: narrowed by tag or VPC, and log streams of one group.
            kinds = ("network-acl/*", "subnet/*", "loggroup-aws:*")
            assert not [one for one in on if "*" in one and not one.endswith(kinds)]


def test_the_private_subnets_reach_exactly_what_nodes_and_fleets_call() -> None:
    """One interface endpoint for each service, in each zone, and S3 by the route table."""
    endpoints = _endpoints(shipped(AWS))
    assert endpoints == dict.fromkeys(_NODE_SERVICES | _FLEET_SERVICES, "Interface") | {
        "s3": "Gateway"
    }
    for one in _of(shipped(AWS), "VpcEndpoint"):
        if one.properties.get("vpcEndpointType") == "Interface":
            assert one.properties["subnetIds"] == [f"subnet-aws-endpoints-{zone}" for zone in "abc"]
            assert one.properties["privateDnsEnabled"] is True


def test_auto_scaling_may_use_the_key_where_eks_is_made() -> None:
    """The disks of its machines are encrypted with it; elsewhere it may not."""
    assert "AutoScaling" in _key_sids(shipped(AWS))
    assert "AutoScaling" not in _key_sids(_elsewhere())


def test_on_a_given_cluster_fleets_run_and_nothing_of_eks_is_made() -> None:
    """Neither cluster nor machines nor roles of pods, nor endpoints that only they call."""
    resources = _elsewhere()
    assert not [one for one in resources if one.type.startswith("aws:eks/")]
    assert not _of(resources, "LaunchTemplate")
    assert not _of(resources, "RolePolicyAttachment")
    assert set(_policies(resources)) == {one.name for one in _of(resources, "Role")} == _NODES
    assert _endpoints(resources) == dict.fromkeys(_NODE_SERVICES, "Interface") | {"s3": "Gateway"}
    assert {one.name for one in _of(resources, "Deployment")} == {
        one.name for one in _of(shipped(AWS), "Deployment")
    }
    assert len(_of(resources, "CronJob")) == 1
    # The class of disks is EKS's own add-on's.
    assert not _of(resources, "StorageClass")


def test_a_given_cluster_is_reached_by_its_kubeconfig_and_reaches_brokers_from_its_networks() -> (
    None
):
    """What is declared on it goes there, and so does the look at its operators."""
    resources = _elsewhere()
    (provider,) = [one for one in resources if one.type == "pulumi:providers:kubernetes"]
    (look,) = _of(resources, "OperatorsThere")
    assert _clear(provider.properties["kubeconfig"]) == _KUBECONFIG
    assert look.properties["kubeconfig"] == Secret(_KUBECONFIG)
    admitted = {
        (str(one.properties["securityGroupId"]), one.properties["cidrIpv4"])
        for one in _of(resources, "SecurityGroupIngressRule")
        if one.properties.get("description") == "fleets-elsewhere"
    }
    assert ("securitygroup-aws-brokers", _FLEETS_FROM) in admitted
    assert not [
        one
        for one in _of(shipped(AWS), "SecurityGroupIngressRule")
        if one.properties.get("description") == "fleets-elsewhere"
    ]


def test_a_first_up_without_operators_asks_for_none() -> None:
    """As docs/aws.md has it: EKS is made, fleets run as planned, KEDA and monitoring come later."""
    resources = rendered(AWS, {"keda": False, "monitoring": None})
    (look,) = _of(resources, "OperatorsThere")
    assert look.properties["apis"] == []
    assert not [one for one in resources if "keda.sh" in one.type or "coreos.com" in one.type]
    assert _of(resources, "NodeGroup")
    assert [one.name for one in _of(resources, "Deployment")] == ["fleet-billing"]


def test_the_page_has_the_price_of_every_machines_own_disk() -> None:
    """Those of Kafka's machines and of EKS's, by the price list that brokers are planned with."""
    nodes = [_disk(one.properties["rootBlockDevice"]) for one in _of(shipped(AWS), "Instance")]
    (template,), (machines,) = (_of(shipped(AWS), one) for one in ("LaunchTemplate", "NodeGroup"))
    mapped: Any = template.properties["blockDeviceMappings"]
    scaling: Any = machines.properties["scalingConfig"]
    of_eks = _disk(mapped[0]["ebs"]) * scaling["desiredSize"]
    alone = sum(nodes) * GP3.usd_per_gib_month
    both = alone + of_eks * GP3.usd_per_gib_month
    (row,) = [line for line in _PAGE.read_text().splitlines() if "machines' own disks" in line]
    assert row.endswith(f"| {alone:.0f} or {both:.0f} |")


def _disk(device: Any) -> float:  # noqa: ANN401 as declared
    return float(device["volumeSize"])


def _node_rights(node: str) -> Rights:
    kind = node.partition("-")[0] + "s"
    settings = f"arn:aws:ssm:{_HERE}:parameter/quorate/aws"
    secrets = [f"secret-{node}-certificate"]
    if kind == "controllers":
        secrets.append("secret-first-users")
    return {
        (_AGENT, ("*",)),
        (
            ("ssm:GetParameter",),
            (
                f"{settings}/{node}/cluster",
                f"{settings}/{node}/server.properties",
                f"{settings}/{kind}/authority",
                f"{settings}/{kind}/limits",
                f"{settings}/{kind}/sysctl",
            ),
        ),
        (("secretsmanager:GetSecretValue",), tuple(secrets)),
        (("kms:Decrypt",), ("key-aws",)),
        (
            ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            ("loggroup-aws:*",),
        ),
        (("s3:GetObject",), ("arn:aws:s3:::example-artifacts/kafka/kafka_2.13-4.3.1.tgz",)),
    }


def _policies(resources: tuple[Resource, ...]) -> dict[str, dict[str, Any]]:
    found = _of(resources, "RolePolicy")
    return {one.name: json.loads(str(one.properties["policy"])) for one in found}


def _rights(policy: dict[str, Any]) -> Rights:
    """Of each statement what it lets do and on what, in order; each has to be such a one."""
    rights: Rights = set()
    for one in policy["Statement"]:
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert one["Effect"] == "Allow"
        rights.add((_listed(one["Action"]), _listed(one["Resource"])))
    return rights


def _listed(said: str | list[str]) -> tuple[str, ...]:
    return tuple(sorted([said] if isinstance(said, str) else said))


def _endpoints(resources: tuple[Resource, ...]) -> dict[str, str]:
    """By service: how it is reached. None is there twice."""
    found = _of(resources, "VpcEndpoint")
    kinds = {
        str(one.properties["serviceName"]).removeprefix("com.amazonaws.eu-central-1."): str(
            one.properties["vpcEndpointType"]
        )
        for one in found
    }
    assert len(kinds) == len(found)
    return kinds


def _key_sids(resources: tuple[Resource, ...]) -> str:
    (key,) = [one for one in resources if one.type == "aws:kms/key:Key"]
    policy = json.loads(str(key.properties["policy"]))
    return " ".join(one["Sid"] for one in policy["Statement"])


def _of(resources: tuple[Resource, ...], kind: str) -> list[Resource]:
    return [one for one in resources if one.type.rpartition(":")[2] == kind]


def _clear(value: object) -> object:
    return value.value if isinstance(value, Secret) else value
