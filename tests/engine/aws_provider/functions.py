"""The functions that a program may call: what is there, and what a policy looks like."""

import json
from collections.abc import Callable
from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.names import Values, tag_map, take
from tests.engine.provider_protocol.provider import Refused

Function = Callable[[Cloud, Values], Values]


def _filters(asked: Values) -> list[Values]:
    given = [{"Name": one["name"], "Values": one["values"]} for one in asked.get("filters", [])]
    tags = asked.get("tags", {})
    return [*given, *({"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items())]


def _identity(cloud: Cloud, asked: Values) -> Values:
    found = cloud("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], **take(found, "Arn UserId")}


def _region(cloud: Cloud, asked: Values) -> Values:
    endpoint = f"ec2.{cloud.region}.amazonaws.com"
    named = {"id": cloud.region, "name": cloud.region, "region": cloud.region}
    return {**named, "endpoint": endpoint, "description": cloud.region}


def _partition(cloud: Cloud, asked: Values) -> Values:
    suffix = {"dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}
    return {"id": "aws", "partition": "aws", **suffix}


def _zones(cloud: Cloud, asked: Values) -> Values:
    found = cloud("ec2").describe_availability_zones(Filters=_filters(asked))["AvailabilityZones"]
    wanted = asked.get("state", "available")
    zones = sorted((z for z in found if z["State"] == wanted), key=lambda z: str(z["ZoneName"]))
    zones = [zone for zone in zones if zone["ZoneName"] not in asked.get("excludeNames", [])]
    names, ids = ([zone[key] for zone in zones] for key in ("ZoneName", "ZoneId"))
    return {"id": cloud.region, "names": names, "zoneIds": ids, "groupNames": [cloud.region]}


def _image(cloud: Cloud, asked: Values) -> Values:
    arguments: Values = {"Filters": _filters(asked)}
    if "owners" in asked:
        arguments["Owners"] = asked["owners"]
    found = cloud("ec2").describe_images(**arguments)["Images"]
    if not found:
        raise Refused("your query returned no results; change the search and try again")
    if len(found) > 1 and not asked.get("mostRecent"):
        raise Refused("your query returned more than one result; set mostRecent, or ask for less")
    newest = max(found, key=lambda image: str(image["CreationDate"]))
    told = take(newest, "ImageId Name Architecture CreationDate OwnerId RootDeviceName State")
    return {"id": newest["ImageId"], **told}


def _instance_type(cloud: Cloud, asked: Values) -> Values:
    types = cloud("ec2").describe_instance_types(InstanceTypes=[asked["instanceType"]])
    one = types["InstanceTypes"][0]
    return {
        "id": asked["instanceType"],
        "defaultVcpus": one["VCpuInfo"]["DefaultVCpus"],
        "memorySize": one["MemoryInfo"]["SizeInMiB"],
        "supportedArchitectures": one["ProcessorInfo"]["SupportedArchitectures"],
        "ebsOptimizedSupport": one.get("EbsInfo", {}).get("EbsOptimizedSupport", ""),
    }


def _offerings(cloud: Cloud, asked: Values) -> Values:
    found = cloud("ec2").describe_instance_type_offerings(
        LocationType=asked.get("locationType", "region"), Filters=_filters(asked)
    )["InstanceTypeOfferings"]
    types, places = ([one[key] for one in found] for key in ("InstanceType", "Location"))
    kinds = [one["LocationType"] for one in found]
    return {"instanceTypes": types, "locations": places, "locationTypes": kinds, "id": "offerings"}


def _vpc(cloud: Cloud, asked: Values) -> Values:
    arguments: Values = {"Filters": _filters(asked)}
    if "id" in asked:
        arguments["VpcIds"] = [asked["id"]]
    [one] = cloud("ec2").describe_vpcs(**arguments)["Vpcs"]
    arn = cloud.arn("ec2", f"vpc/{one['VpcId']}")
    return {"id": one["VpcId"], "arn": arn, **take(one, "CidrBlock DhcpOptionsId State")}


def _subnets(cloud: Cloud, asked: Values) -> Values:
    found = cloud("ec2").describe_subnets(Filters=_filters(asked))["Subnets"]
    return {"id": cloud.region, "ids": sorted(one["SubnetId"] for one in found)}


def _subnet(cloud: Cloud, asked: Values) -> Values:
    arguments: Values = {"Filters": _filters(asked)}
    if "id" in asked:
        arguments["SubnetIds"] = [asked["id"]]
    [one] = cloud("ec2").describe_subnets(**arguments)["Subnets"]
    tags = tag_map(one.get("Tags", []))
    told = take(one, "CidrBlock VpcId AvailabilityZone AvailabilityZoneId State")
    return {"id": one["SubnetId"], "tags": tags, **told}


def _prefix_list(cloud: Cloud, asked: Values) -> Values:
    arguments = {"Filters": _filters(asked)}
    if "name" in asked:
        arguments["Filters"].append({"Name": "prefix-list-name", "Values": [asked["name"]]})
    [one] = cloud("ec2").describe_managed_prefix_lists(**arguments)["PrefixLists"]
    told = {"id": one["PrefixListId"], "name": one["PrefixListName"], "entries": []}
    return {**told, "arn": one["PrefixListArn"], "maxEntries": one.get("MaxEntries", 0)}


def _parameter(cloud: Cloud, asked: Values) -> Values:
    decrypt = asked.get("withDecryption", True)
    found = cloud("ssm").get_parameter(Name=asked["name"], WithDecryption=decrypt)["Parameter"]
    told = {"id": asked["name"], "arn": found["ARN"], "insecureValue": found["Value"]}
    return {**told, **take(found, "Value Type Version")}


def _zone(cloud: Cloud, asked: Values) -> Values:
    for one in cloud("route53").list_hosted_zones()["HostedZones"]:
        id_ = one["Id"].removeprefix("/hostedzone/")
        if asked.get("zoneId") == id_ or asked.get("name", "").rstrip(".") == one["Name"][:-1]:
            arn = f"arn:aws:route53:::hostedzone/{id_}"
            return {"id": id_, "zoneId": id_, "arn": arn, "name": one["Name"][:-1]}
    raise Refused("no matching Route 53 hosted zone found")


def _cluster(cloud: Cloud, asked: Values) -> Values:
    found = cloud("eks").describe_cluster(name=asked["name"])["cluster"]
    authority = found.get("certificateAuthority", {})
    issuer = found.get("identity", {}).get("oidc", {}).get("issuer", "")
    told = take(found, "arn endpoint status version")
    authorities = {"certificateAuthorities": [authority]}
    return {"id": asked["name"], "identities": [{"oidcs": [{"issuer": issuer}]}]} | (
        authorities | told
    )


def _cluster_token(cloud: Cloud, asked: Values) -> Values:
    return {"id": asked["name"], "token": f"k8s-aws-v1.stand-in-{asked['name']}"}


def _policy_document(cloud: Cloud, asked: Values) -> Values:
    statements = [_statement(one) for one in asked.get("statements", [])]
    document: Values = {"Version": asked.get("version", "2012-10-17"), "Statement": statements}
    if "policyId" in asked:
        document["Id"] = asked["policyId"]
    minified = json.dumps(document, separators=(",", ":"))
    text = json.dumps(document, indent=2)
    return {"id": str(abs(hash(minified))), "json": text, "minifiedJson": minified}


def _statement(one: Values) -> Values:
    told: Values = {"Sid": one["sid"]} if one.get("sid") else {}
    told["Effect"] = one.get("effect", "Allow")
    for name in ("actions", "notActions", "resources", "notResources"):
        if name in one:
            told[name[:1].upper() + name[1:-1]] = _single(one[name])
    for name in ("principals", "notPrincipals"):
        if name in one:
            told[name[:1].upper() + name[1:-1]] = _principals(one[name])
    conditions: Values = {}
    for condition in one.get("conditions", []):
        tested = conditions.setdefault(condition["test"], {})
        tested[condition["variable"]] = _single(condition["values"])
    return told | ({"Condition": conditions} if conditions else {})


def _single(values: list[str]) -> Any:  # noqa: ANN401 one or a list
    return values[0] if len(values) == 1 else sorted(values)


def _principals(given: list[Values]) -> Any:  # noqa: ANN401 a star or a mapping
    if [one["type"] for one in given] == ["*"]:
        return "*"
    return {one["type"]: _single(one["identifiers"]) for one in given}


def _secret(cloud: Cloud, asked: Values) -> Values:
    found = cloud("secretsmanager").get_secret_value(SecretId=asked["secretId"])
    told = {"id": found["ARN"], "arn": found["ARN"], "versionId": found["VersionId"]}
    return {**told, **take(found, "SecretString")}


def _key_alias(cloud: Cloud, asked: Values) -> Values:
    for one in cloud("kms").list_aliases()["Aliases"]:
        if one["AliasName"] == asked["name"]:
            key = one.get("TargetKeyId", "")
            told = {"targetKeyId": key, "targetKeyArn": cloud.arn("kms", f"key/{key}")}
            return {"id": one["AliasArn"], "arn": one["AliasArn"], **told}
    raise Refused(f"empty result: no KMS alias {asked['name']}")


FUNCTIONS: dict[str, Function] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ec2/getAmi:getAmi": _image,
    "aws:ec2/getInstanceType:getInstanceType": _instance_type,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": _offerings,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getPrefixList:getPrefixList": _prefix_list,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:route53/getZone:getZone": _zone,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_token,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:secretsmanager/getSecretVersion:getSecretVersion": _secret,
    "aws:kms/getAlias:getAlias": _key_alias,
}
