"""Kubernetes clusters: EKS. moto has clusters and node groups; the rest is on the shelf."""

import uuid
from collections.abc import Mapping
from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, nothing
from tests.engine.aws_provider.names import Values, lower, take
from tests.engine.aws_provider.rules import json_text, one_of, shaped
from tests.engine.aws_provider.shelf import shelve_tags, shelved


def some(values: Values, names: str) -> Values:
    """Those that are named and there; EKS calls everything as the program does."""
    return {name: values[name] for name in names.split() if values.get(name) is not None}


_OWN_GROUP = "aws:eks:cluster-name"
_OPTIONS = "accessConfig upgradePolicy zonalShiftConfig deletionProtection"
_VPC = "subnetIds securityGroupIds endpointPublicAccess endpointPrivateAccess publicAccessCidrs"


def _make_cluster(cloud: Cloud, inputs: Values) -> str:
    arguments = some(inputs, f"name version roleArn kubernetesNetworkConfig {_OPTIONS}")
    arguments |= some(inputs, "bootstrapSelfManagedAddons")
    arguments["resourcesVpcConfig"] = some(inputs["vpcConfig"], _VPC)
    if "enabledClusterLogTypes" in inputs:
        arguments["logging"] = _logging(inputs)
    if "encryptionConfig" in inputs:
        arguments["encryptionConfig"] = [inputs["encryptionConfig"]]
    made = str(cloud("eks").create_cluster(**arguments)["cluster"]["name"])
    _make_own_group(cloud, made, inputs["vpcConfig"]["subnetIds"])
    return made


def _make_own_group(cloud: Cloud, cluster: str, subnet_ids: list[str]) -> None:
    """EKS makes a security group of each cluster, in the VPC of its subnets; moto does not."""
    ec2 = cloud("ec2")
    (subnet, *_) = ec2.describe_subnets(SubnetIds=subnet_ids)["Subnets"]
    tags = [{"Key": _OWN_GROUP, "Value": cluster}]
    ec2.create_security_group(
        GroupName=f"eks-cluster-sg-{cluster}",
        Description="of the cluster's control plane and machines",
        VpcId=subnet["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )


def _own_group(cloud: Cloud, cluster: str) -> Values:
    named = [{"Name": f"tag:{_OWN_GROUP}", "Values": [cluster]}]
    (found,) = cloud("ec2").describe_security_groups(Filters=named)["SecurityGroups"]
    return {"clusterSecurityGroupId": found["GroupId"], "vpcId": found["VpcId"]}


def _logging(inputs: Values) -> Values:
    return {"clusterLogging": [{"types": inputs["enabledClusterLogTypes"], "enabled": True}]}


def _read_cluster(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("eks").describe_cluster(name=id_)["cluster"]
    vpc = known.get("vpcConfig", {}) | lower(found["resourcesVpcConfig"])
    vpc |= _own_group(cloud, id_)
    issuer = found.get("identity", {}).get("oidc", {}).get("issuer", "")
    return {
        "vpcConfig": vpc,
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "certificateAuthority": found.get("certificateAuthority", {}),
        "clusterId": id_,
        **take(found, "arn endpoint status platformVersion createdAt version"),
    }


def _change_access(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    config = some(new["vpcConfig"], _VPC)
    cloud("eks").update_cluster_config(name=id_, resourcesVpcConfig=config)


def _change_options(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("eks").update_cluster_config(name=id_, **some(new, _OPTIONS))


def _change_logging(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("eks").update_cluster_config(name=id_, logging=_logging(new))


def _change_version(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("eks").update_cluster_version(name=id_, version=new["version"])


def _delete_cluster(cloud: Cloud, id_: str, known: Values) -> None:
    group = _own_group(cloud, id_)["clusterSecurityGroupId"]
    cloud("ec2").delete_security_group(GroupId=group)
    cloud("eks").delete_cluster(name=id_)


def _tag(cloud: Cloud, arn: str, tags: Mapping[str, str], removed: list[str]) -> None:
    if removed:
        cloud("eks").untag_resource(resourceArn=arn, tagKeys=removed)
    if tags:
        cloud("eks").tag_resource(resourceArn=arn, tags=dict(tags))


def _tag_cluster(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    _tag(cloud, cloud("eks").describe_cluster(name=id_)["cluster"]["arn"], tags, removed)


_GROUP = (
    "clusterName nodegroupName scalingConfig instanceTypes amiType capacityType diskSize labels"
)


_GROUP_VERSION = "version releaseVersion launchTemplate"


def _make_group(cloud: Cloud, inputs: Values) -> str:
    arguments = some(inputs, f"{_GROUP} {_GROUP_VERSION} updateConfig")
    arguments |= {"nodegroupName": inputs["nodeGroupName"], "subnets": inputs["subnetIds"]}
    arguments["nodeRole"] = inputs["nodeRoleArn"]
    if "taints" in inputs:
        arguments["taints"] = inputs["taints"]
    cloud("eks").create_nodegroup(**arguments)
    return f"{inputs['clusterName']}:{inputs['nodeGroupName']}"


def _named(id_: str) -> Values:
    cluster, _, name = id_.partition(":")
    return {"clusterName": cluster, "nodegroupName": name}


def _group(cloud: Cloud, id_: str) -> Values:
    return dict(cloud("eks").describe_nodegroup(**_named(id_))["nodegroup"])


def _read_group(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = _group(cloud, id_)
    resources = found.get("resources", {})
    groups = [{"name": one["name"]} for one in resources.get("autoScalingGroups", [])]
    access = resources.get("remoteAccessSecurityGroup", "")
    told = take(found, "status version releaseVersion")
    told["resources"] = [{"autoscalingGroups": groups, "remoteAccessSecurityGroupId": access}]
    return {"arn": found["nodegroupArn"], **told}


def _change_group(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    change = some(new, "scalingConfig updateConfig")
    before, after = old.get("labels", {}), new.get("labels", {})
    if before != after:
        without = [key for key in before if key not in after]
        change["labels"] = {"addOrUpdateLabels": after, "removeLabels": without}
    gone = [taint for taint in old.get("taints", []) if taint not in new.get("taints", [])]
    if old.get("taints", []) != new.get("taints", []):
        change["taints"] = {"addOrUpdateTaints": new.get("taints", []), "removeTaints": gone}
    cloud("eks").update_nodegroup_config(**_named(id_), **change)


def _change_group_version(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("eks").update_nodegroup_version(**_named(id_), **some(new, _GROUP_VERSION))


def _delete_group(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("eks").delete_nodegroup(**_named(id_))


def _tag_group(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    _group(cloud, id_)  # moto tags clusters alone: all there is to ask is whether it is there


def _arn(kind: str) -> Any:  # noqa: ANN401 a Told
    def told(cloud: Cloud, id_: str, known: Values) -> Values:
        name = known.get("addonName") or known.get("principalArn", "").rpartition("/")[2]
        path = f"{kind}/{known['clusterName']}/{name}"
        arn = cloud.arn("eks", f"{path}/{uuid.uuid5(uuid.NAMESPACE_URL, id_)}")
        return {"arn": arn}

    return told


def _of_cluster(*names: str) -> Any:  # noqa: ANN401
    """The id, once the cluster that it is of is known to be there."""

    def id_of(cloud: Cloud, inputs: Values) -> str:
        cloud("eks").describe_cluster(name=inputs["clusterName"])
        return ":".join(str(inputs[name]) for name in ("clusterName", *names))

    return id_of


def _addon(inputs: Values) -> Values:
    asked = some(
        inputs, "clusterName addonName addonVersion serviceAccountRoleArn configurationValues"
    )
    asked |= some(inputs, "configurationValues podIdentityAssociations")
    if "resolveConflictsOnCreate" in inputs:
        asked["resolveConflicts"] = inputs["resolveConflictsOnCreate"]
    return asked


def _access_entry(inputs: Values) -> Values:
    asked = some(inputs, "clusterName principalArn kubernetesGroups type")
    return asked | ({"username": inputs["userName"]} if "userName" in inputs else {})


def _access_policy(inputs: Values) -> Values:
    return some(inputs, "clusterName principalArn policyArn accessScope")


def _pod_identity(inputs: Values) -> Values:
    return some(inputs, "clusterName namespace serviceAccount roleArn")


_CONFLICTS = ("NONE", "OVERWRITE")
EKS = {
    "aws:eks/cluster:Cluster": Entry(
        create=_make_cluster,
        read=_read_cluster,
        delete=_delete_cluster,
        tag=_tag_cluster,
        required="roleArn vpcConfig",
        later="vpcConfig.clusterSecurityGroupId vpcConfig.vpcId",
        named="name",
        longest_name=100,
        replaces=(
            "name roleArn kubernetesNetworkConfig encryptionConfig "
            "accessConfig.bootstrapClusterCreatorAdminPermissions bootstrapSelfManagedAddons"
        ),
        updates={
            "vpcConfig": _change_access,
            "enabledClusterLogTypes": _change_logging,
            "version": _change_version,
            _OPTIONS: _change_options,
        },
        judges=(
            shaped("name", r"[0-9A-Za-z][A-Za-z0-9_-]*", 100),
            shaped("roleArn", r"arn:aws[\w-]*:iam::\d{12}:role/.+"),
            shaped("version", r"1\.\d\d"),
        ),
    ),
    "aws:eks/nodeGroup:NodeGroup": Entry(
        create=_make_group,
        read=_read_group,
        delete=_delete_group,
        tag=_tag_group,
        required="clusterName nodeRoleArn subnetIds scalingConfig",
        named="nodeGroupName",
        longest_name=63,
        replaces=(
            "clusterName nodeGroupName nodeRoleArn subnetIds instanceTypes amiType capacityType "
            "diskSize"
        ),
        updates={
            "scalingConfig updateConfig labels taints": _change_group,
            _GROUP_VERSION: _change_group_version,
            "forceUpdateVersion": nothing,
        },
        judges=(one_of("capacityType", "ON_DEMAND", "SPOT", "CAPACITY_BLOCK"),),
    ),
    "aws:eks/addon:Addon": shelved(
        "eks",
        "CreateAddon",
        request=_addon,
        id_of=_of_cluster("addonName"),
        told=_arn("addon"),
        changes=(
            "addonVersion configurationValues serviceAccountRoleArn podIdentityAssociations "
            "resolveConflictsOnCreate resolveConflictsOnUpdate preserve"
        ),
        tag=shelve_tags,
        required="clusterName addonName",
        replaces="clusterName addonName",
        judges=(json_text("configurationValues"), one_of("resolveConflictsOnCreate", *_CONFLICTS)),
    ),
    "aws:eks/accessEntry:AccessEntry": shelved(
        "eks",
        "CreateAccessEntry",
        request=_access_entry,
        id_of=_of_cluster("principalArn"),
        told=_arn("access-entry"),
        changes="kubernetesGroups userName",
        tag=shelve_tags,
        required="clusterName principalArn",
        replaces="clusterName principalArn type",
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": shelved(
        "eks",
        "AssociateAccessPolicy",
        request=_access_policy,
        id_of=_of_cluster("principalArn", "policyArn"),
        required="clusterName principalArn policyArn accessScope",
        replaces="clusterName principalArn policyArn accessScope",
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": shelved(
        "eks",
        "CreatePodIdentityAssociation",
        request=_pod_identity,
        id_of=_of_cluster("namespace", "serviceAccount"),
        told=_arn("podidentityassociation"),
        changes="roleArn",
        tag=shelve_tags,
        required="clusterName namespace serviceAccount roleArn",
        replaces="clusterName namespace serviceAccount",
    ),
}
