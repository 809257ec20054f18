"""Networks: VPC, subnets, endpoints, interfaces, what names they give."""

from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, ec2, ec2_one, ec2_tag
from tests.engine.aws_provider.names import Values, pick, snake, take
from tests.engine.aws_provider.rules import one_of
from tests.engine.provider_protocol.provider import Refused


def described(cloud: Cloud, plural: str, **filters: str) -> list[Values]:
    """Everything of one sort that these filters find; ``vpc_id`` stands for ``vpc-id``."""
    names = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    answer = getattr(cloud("ec2"), f"describe_{snake(plural)}")(Filters=names)
    return list(answer[plural])


def attribute(noun: str, *names: str) -> Any:  # noqa: ANN401 an Update
    """Changes attributes with a call such as ``modify_vpc_attribute``, one by one as it demands."""

    def update(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
        modify = getattr(cloud("ec2"), f"modify_{snake(noun)}_attribute")
        for name, value in pick(new, " ".join(names)).items():
            if old.get(name[:1].lower() + name[1:]) != value:
                modify(**{f"{noun}Id": id_, name: {"Value": value}})

    return update


_VPC_ATTRIBUTES = "enableDnsSupport enableDnsHostnames enableNetworkAddressUsageMetrics"
_vpc_attributes = attribute("Vpc", *_VPC_ATTRIBUTES.split())


_subnet_attributes = attribute("Subnet", "mapPublicIpOnLaunch")


def _make_vpc(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ec2").create_vpc(**pick(inputs, "cidrBlock instanceTenancy"))
    id_ = str(made["Vpc"]["VpcId"])
    _vpc_attributes(cloud, id_, {}, inputs)
    return id_


def _read_vpc(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = ec2_one(cloud, "Vpc", id_)
    if found is None:
        return None
    acl = described(cloud, "NetworkAcls", vpc_id=id_, default="true")[0]
    group = described(cloud, "SecurityGroups", vpc_id=id_, group_name="default")[0]
    table = described(cloud, "RouteTables", **{"vpc-id": id_, "association.main": "true"})[0]
    return {
        "arn": cloud.arn("ec2", f"vpc/{id_}"),
        "ownerId": cloud.account,
        "defaultNetworkAclId": acl["NetworkAclId"],
        "defaultSecurityGroupId": group["GroupId"],
        "defaultRouteTableId": table["RouteTableId"],
        "mainRouteTableId": table["RouteTableId"],
        **take(found, "CidrBlock DhcpOptionsId"),
        "enableDnsSupport": _vpc_attribute(cloud, id_, "DnsSupport"),
        "enableDnsHostnames": _vpc_attribute(cloud, id_, "DnsHostnames"),
    }


def _vpc_attribute(cloud: Cloud, id_: str, name: str) -> bool:
    told = cloud("ec2").describe_vpc_attribute(VpcId=id_, Attribute=f"enable{name}")
    return bool(told[f"Enable{name}"]["Value"])


def _make_subnet(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "vpcId cidrBlock availabilityZone availabilityZoneId")
    id_ = str(cloud("ec2").create_subnet(**arguments)["Subnet"]["SubnetId"])
    _subnet_attributes(cloud, id_, {}, inputs)
    return id_


def _delete_subnet(cloud: Cloud, id_: str, known: Values) -> None:
    used = described(cloud, "NetworkInterfaces", subnet_id=id_)
    if used:
        raise Refused(f"DependencyViolation: subnet {id_} has {len(used)} network interfaces")
    cloud("ec2").delete_subnet(SubnetId=id_)


_ENDPOINT_OPTIONS = "privateDnsEnabled dnsOptions ipAddressType"
_ENDPOINT = "vpcId serviceName vpcEndpointType subnetIds securityGroupIds routeTableIds"


def _make_endpoint(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, f"{_ENDPOINT} {_ENDPOINT_OPTIONS}")
    if "policy" in inputs:
        arguments["PolicyDocument"] = inputs["policy"]
    return str(cloud("ec2").create_vpc_endpoint(**arguments)["VpcEndpoint"]["VpcEndpointId"])


def _read_endpoint(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = ec2_one(cloud, "VpcEndpoint", id_)
    if found is None or found["State"] == "deleted":
        return None
    told = take(found, "State NetworkInterfaceIds DnsEntries RequesterManaged")
    if found["VpcEndpointType"] == "Gateway":
        named = [{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
        [one] = cloud("ec2").describe_managed_prefix_lists(Filters=named)["PrefixLists"]
        told["prefixListId"] = one["PrefixListId"]
    return {"arn": cloud.arn("ec2", f"vpc-endpoint/{id_}"), "ownerId": cloud.account, **told}


def _change_endpoint(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    change: Values = {}
    for name in ("subnetIds", "routeTableIds", "securityGroupIds"):
        noun = f"{name[:1].upper()}{name[1:]}"
        before, after = set(old.get(name, [])), set(new.get(name, []))
        change[f"Add{noun}"] = sorted(after - before)
        change[f"Remove{noun}"] = sorted(before - after)
    change |= pick(new, _ENDPOINT_OPTIONS)
    if "policy" in new:
        change["PolicyDocument"] = new["policy"]
    change = {name: value for name, value in change.items() if value not in ([], None)}
    if change:
        cloud("ec2").modify_vpc_endpoint(VpcEndpointId=id_, **change)


def _delete_endpoint(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ec2").delete_vpc_endpoints(VpcEndpointIds=[id_])


def _make_dhcp(cloud: Cloud, inputs: Values) -> str:
    settings = {
        "domain-name": [inputs["domainName"]] if "domainName" in inputs else [],
        "domain-name-servers": inputs.get("domainNameServers", []),
        "ntp-servers": inputs.get("ntpServers", []),
    }
    given = [{"Key": key, "Values": values} for key, values in settings.items() if values]
    made = cloud("ec2").create_dhcp_options(DhcpConfigurations=given)
    return str(made["DhcpOptions"]["DhcpOptionsId"])


def _read_dhcp(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ec2").describe_dhcp_options(DhcpOptionsIds=[id_])["DhcpOptions"]
    return {"arn": cloud.arn("ec2", f"dhcp-options/{id_}")} if found else None


def _use_dhcp(cloud: Cloud, inputs: Values) -> str:
    cloud("ec2").associate_dhcp_options(**pick(inputs, "dhcpOptionsId vpcId"))
    return f"{inputs['dhcpOptionsId']}-{inputs['vpcId']}"


def _unuse_dhcp(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ec2").associate_dhcp_options(DhcpOptionsId="default", VpcId=known["vpcId"])


def _dhcp_used(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = ec2_one(cloud, "Vpc", known["vpcId"])
    return {} if found and found.get("DhcpOptionsId") == known["dhcpOptionsId"] else None


def _make_interface(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "subnetId description")
    if "securityGroups" in inputs:
        arguments["Groups"] = inputs["securityGroups"]
    if inputs.get("privateIps"):
        arguments["PrivateIpAddress"] = inputs["privateIps"][0]
    made = cloud("ec2").create_network_interface(**arguments)["NetworkInterface"]
    id_ = str(made["NetworkInterfaceId"])
    if "sourceDestCheck" in inputs:
        _check_source(cloud, id_, {}, inputs)
    return id_


def _check_source(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("ec2").modify_network_interface_attribute(
        NetworkInterfaceId=id_, SourceDestCheck={"Value": new.get("sourceDestCheck", True)}
    )


def _read_interface(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = ec2_one(cloud, "NetworkInterface", id_)
    if found is None:
        return None
    told = {"privateIp": found["PrivateIpAddress"], "arn": cloud.arn("ec2", f"eni/{id_}")}
    return {**told, "ownerId": cloud.account, **take(found, "MacAddress PrivateDnsName")}


def _regroup_interface(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("ec2").modify_network_interface_attribute(
        NetworkInterfaceId=id_, Groups=new["securityGroups"]
    )


NETWORK = {
    "aws:ec2/vpc:Vpc": ec2(
        "Vpc",
        "",
        create=_make_vpc,
        read=_read_vpc,
        required="cidrBlock",
        replaces="cidrBlock instanceTenancy",
        updates={_VPC_ATTRIBUTES: _vpc_attributes},
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
    ),
    "aws:ec2/subnet:Subnet": ec2(
        "Subnet",
        "",
        outputs="AvailabilityZone AvailabilityZoneId CidrBlock VpcId",
        create=_make_subnet,
        delete=_delete_subnet,
        required="vpcId cidrBlock",
        replaces="vpcId cidrBlock availabilityZone availabilityZoneId",
        updates={"mapPublicIpOnLaunch": _subnet_attributes},
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Entry(
        create=_make_endpoint,
        read=_read_endpoint,
        delete=_delete_endpoint,
        tag=ec2_tag,
        required="vpcId serviceName",
        replaces="vpcId serviceName vpcEndpointType",
        updates={
            f"subnetIds routeTableIds securityGroupIds policy {_ENDPOINT_OPTIONS}": _change_endpoint
        },
        defaults={"vpcEndpointType": "Gateway"},
        documents="policy",
        judges=(one_of("vpcEndpointType", "Gateway", "Interface", "GatewayLoadBalancer"),),
    ),
    "aws:ec2/vpcDhcpOptions:VpcDhcpOptions": ec2(
        "DhcpOptions",
        "",
        create=_make_dhcp,
        read=_read_dhcp,
        replaces="domainName domainNameServers ntpServers",
    ),
    "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation": Entry(
        create=_use_dhcp,
        read=_dhcp_used,
        delete=_unuse_dhcp,
        required="vpcId dhcpOptionsId",
        replaces="vpcId dhcpOptionsId",
    ),
    "aws:ec2/networkInterface:NetworkInterface": ec2(
        "NetworkInterface",
        "",
        create=_make_interface,
        read=_read_interface,
        required="subnetId",
        replaces="subnetId privateIps description",
        updates={"securityGroups": _regroup_interface, "sourceDestCheck": _check_source},
    ),
}
