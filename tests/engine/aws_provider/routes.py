"""Ways out of a subnet: route tables, gateways, addresses."""

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, ec2, ec2_one, ec2_tag
from tests.engine.aws_provider.names import Values, pick, take
from tests.engine.aws_provider.rules import exactly_one


def _make_gateway(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ec2").create_internet_gateway()["InternetGateway"]
    id_ = str(made["InternetGatewayId"])
    if "vpcId" in inputs:
        cloud("ec2").attach_internet_gateway(InternetGatewayId=id_, VpcId=inputs["vpcId"])
    return id_


def _move_gateway(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    for call, values in (("detach", old), ("attach", new)):
        if "vpcId" in values:
            move = getattr(cloud("ec2"), f"{call}_internet_gateway")
            move(InternetGatewayId=id_, VpcId=values["vpcId"])


def _delete_gateway(cloud: Cloud, id_: str, known: Values) -> None:
    _move_gateway(cloud, id_, known, {})
    cloud("ec2").delete_internet_gateway(InternetGatewayId=id_)


_TARGETS = (
    "gatewayId natGatewayId networkInterfaceId transitGatewayId vpcEndpointId "
    "vpcPeeringConnectionId"
)


def _route(values: Values) -> Values:
    """The inline form says ``cidrBlock`` for what the resource calls ``destinationCidrBlock``."""
    route = pick(values, f"{_TARGETS} destinationCidrBlock destinationPrefixListId")
    if "cidrBlock" in values:
        route["DestinationCidrBlock"] = values["cidrBlock"]
    return route


def _make_route_table(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ec2").create_route_table(VpcId=inputs["vpcId"])
    id_ = str(made["RouteTable"]["RouteTableId"])
    _change_routes(cloud, id_, {}, inputs)
    return id_


def _change_routes(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = ([_route(route) for route in v.get("routes", [])] for v in (old, new))
    for route in before:
        if route not in after:
            to = {"DestinationCidrBlock": route["DestinationCidrBlock"]}
            cloud("ec2").delete_route(RouteTableId=id_, **to)
    for route in after:
        if route not in before:
            cloud("ec2").create_route(RouteTableId=id_, **route)


def _make_route(cloud: Cloud, inputs: Values) -> str:
    cloud("ec2").create_route(RouteTableId=inputs["routeTableId"], **_route(inputs))
    return f"r-{inputs['routeTableId']}{inputs['destinationCidrBlock']}"


def _read_route(cloud: Cloud, id_: str, known: Values) -> Values | None:
    table = ec2_one(cloud, "RouteTable", known["routeTableId"])
    routes = table["Routes"] if table else []
    wanted = known["destinationCidrBlock"]
    found = [route for route in routes if route.get("DestinationCidrBlock") == wanted]
    return take(found[0], "Origin State") if found else None


def _change_route(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("ec2").replace_route(RouteTableId=new["routeTableId"], **_route(new))


def _delete_route(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ec2").delete_route(
        RouteTableId=known["routeTableId"], DestinationCidrBlock=known["destinationCidrBlock"]
    )


def _associate(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "routeTableId subnetId gatewayId")
    return str(cloud("ec2").associate_route_table(**arguments)["AssociationId"])


def _read_association(cloud: Cloud, id_: str, known: Values) -> Values | None:
    for table in cloud("ec2").describe_route_tables()["RouteTables"]:
        for one in table["Associations"]:
            if one["RouteTableAssociationId"] == id_:
                return take(one, "RouteTableId SubnetId")
    return None


def _move_association(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("ec2").replace_route_table_association(
        AssociationId=id_, RouteTableId=new["routeTableId"]
    )


def _disassociate(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ec2").disassociate_route_table(AssociationId=id_)


def _make_address(cloud: Cloud, inputs: Values) -> str:
    return str(cloud("ec2").allocate_address(Domain="vpc")["AllocationId"])


def _read_address(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ec2").describe_addresses(AllocationIds=[id_])["Addresses"][0]
    return {"allocationId": id_, "publicIp": found["PublicIp"]}


def _release_address(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ec2").release_address(AllocationId=id_)


def _make_nat(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "subnetId allocationId connectivityType")
    return str(cloud("ec2").create_nat_gateway(**arguments)["NatGateway"]["NatGatewayId"])


def _read_nat(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ec2").describe_nat_gateways(NatGatewayIds=[id_])["NatGateways"]
    if not found or found[0]["State"] == "deleted":
        return None
    address = found[0]["NatGatewayAddresses"][0] if found[0].get("NatGatewayAddresses") else {}
    return take(address, "PublicIp PrivateIp NetworkInterfaceId")


def _delete_nat(cloud: Cloud, id_: str, known: Values) -> None:
    told = _read_nat(cloud, id_, known) or {}
    cloud("ec2").delete_nat_gateway(NatGatewayId=id_)
    if "networkInterfaceId" in told:
        # AWS takes it away with the gateway, moto leaves it.
        cloud("ec2").delete_network_interface(NetworkInterfaceId=told["networkInterfaceId"])


ROUTES = {
    "aws:ec2/routeTable:RouteTable": ec2(
        "RouteTable",
        "",
        create=_make_route_table,
        required="vpcId",
        replaces="vpcId",
        updates={"routes": _change_routes},
    ),
    "aws:ec2/route:Route": Entry(
        create=_make_route,
        read=_read_route,
        delete=_delete_route,
        required="routeTableId destinationCidrBlock",
        replaces="routeTableId destinationCidrBlock",
        updates={_TARGETS: _change_route},
        judges=(exactly_one(*_TARGETS.split()),),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Entry(
        create=_associate,
        read=_read_association,
        delete=_disassociate,
        required="routeTableId",
        replaces="subnetId gatewayId",
        updates={"routeTableId": _move_association},
        judges=(exactly_one("subnetId", "gatewayId"),),
    ),
    "aws:ec2/internetGateway:InternetGateway": ec2(
        "InternetGateway",
        "",
        create=_make_gateway,
        delete=_delete_gateway,
        updates={"vpcId": _move_gateway},
    ),
    "aws:ec2/eip:Eip": Entry(
        create=_make_address,
        read=_read_address,
        delete=_release_address,
        tag=ec2_tag,
        replaces="domain",
    ),
    "aws:ec2/natGateway:NatGateway": ec2(
        "NatGateway",
        "",
        create=_make_nat,
        read=_read_nat,
        delete=_delete_nat,
        required="subnetId",
        replaces="subnetId allocationId connectivityType",
    ),
}
