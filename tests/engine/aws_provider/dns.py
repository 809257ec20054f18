"""Names: Route 53."""

import uuid
from collections.abc import Mapping

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, nothing
from tests.engine.aws_provider.names import Values, tag_list
from tests.engine.aws_provider.rules import exactly_one, one_of
from tests.engine.provider_protocol.provider import Refused

_TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT")


def _make_zone(cloud: Cloud, inputs: Values) -> str:
    vpcs = [_vpc(cloud, vpc) for vpc in inputs.get("vpcs", [])]
    settings = {"Comment": inputs["comment"], "PrivateZone": bool(vpcs)}
    arguments: Values = {"Name": inputs["name"], "HostedZoneConfig": settings}
    if vpcs:
        arguments["VPC"] = vpcs[0]
    made = cloud("route53").create_hosted_zone(CallerReference=uuid.uuid4().hex, **arguments)
    id_ = str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")
    for vpc in vpcs[1:]:
        cloud("route53").associate_vpc_with_hosted_zone(HostedZoneId=id_, VPC=vpc)
    return id_


def _vpc(cloud: Cloud, vpc: Values) -> Values:
    return {"VPCId": vpc["vpcId"], "VPCRegion": vpc.get("vpcRegion", cloud.region)}


def _read_zone(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("route53").get_hosted_zone(Id=id_)
    servers = found.get("DelegationSet", {}).get("NameServers", [])
    told = {"nameServers": servers, "primaryNameServer": servers[0] if servers else ""}
    return {"zoneId": id_, "arn": f"arn:aws:route53:::hostedzone/{id_}", **told}


def _change_vpcs(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = ([_vpc(cloud, vpc) for vpc in v.get("vpcs", [])] for v in (old, new))
    for vpc in after:
        if vpc not in before:
            cloud("route53").associate_vpc_with_hosted_zone(HostedZoneId=id_, VPC=vpc)
    for vpc in before:
        if vpc not in after:
            cloud("route53").disassociate_vpc_from_hosted_zone(HostedZoneId=id_, VPC=vpc)


def _change_comment(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("route53").update_hosted_zone_comment(Id=id_, Comment=new["comment"])


def _delete_zone(cloud: Cloud, id_: str, known: Values) -> None:
    records = cloud("route53").list_resource_record_sets(HostedZoneId=id_)["ResourceRecordSets"]
    own = [one for one in records if one["Type"] not in ("NS", "SOA")]
    if own and not known.get("forceDestroy"):
        raise Refused(f"HostedZoneNotEmpty: {id_} has {len(own)} records")
    for one in own:
        _send(cloud, id_, "DELETE", one)
    cloud("route53").delete_hosted_zone(Id=id_)


def _tag_zone(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    change: Values = {"AddTags": tag_list(tags)} if tags else {}
    if removed:
        change["RemoveTagKeys"] = removed
    cloud("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=id_, **change)


def _send(cloud: Cloud, zone: str, action: str, record: Values) -> None:
    change = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    cloud("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)


def _full_name(cloud: Cloud, inputs: Values) -> str:
    """A name that is not within the zone is completed by the zone's."""
    zone = cloud("route53").get_hosted_zone(Id=inputs["zoneId"])["HostedZone"]["Name"]
    bare, name = zone.rstrip("."), str(inputs["name"]).rstrip(".")
    return name if name == bare or name.endswith(f".{bare}") else f"{name}.{bare}".lstrip(".")


def _record(cloud: Cloud, inputs: Values) -> Values:
    record: Values = {"Name": _full_name(cloud, inputs), "Type": inputs["type"]}
    if "records" in inputs:
        record["TTL"] = inputs["ttl"]
        quote = '"{}"' if inputs["type"] == "TXT" else "{}"
        record["ResourceRecords"] = [{"Value": quote.format(one)} for one in inputs["records"]]
    for alias in inputs.get("aliases", []):
        record["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    if "setIdentifier" in inputs:
        record["SetIdentifier"] = inputs["setIdentifier"]
    for policy in inputs.get("weightedRoutingPolicies", []):
        record["Weight"] = policy["weight"]
    return record


def _make_record(cloud: Cloud, inputs: Values) -> str:
    action = "UPSERT" if inputs.get("allowOverwrite") else "CREATE"
    _send(cloud, inputs["zoneId"], action, _record(cloud, inputs))
    parts = [inputs["zoneId"], inputs["name"], inputs["type"], inputs.get("setIdentifier")]
    return "_".join(filter(None, parts))


def _change_record(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    _send(cloud, new["zoneId"], "UPSERT", _record(cloud, new))


def _read_record(cloud: Cloud, id_: str, known: Values) -> Values | None:
    name = _full_name(cloud, known)
    found = cloud("route53").list_resource_record_sets(HostedZoneId=known["zoneId"])
    for one in found["ResourceRecordSets"]:
        if (one["Name"].rstrip("."), one["Type"]) == (name, known["type"]):
            return {"fqdn": name}
    return None


def _delete_record(cloud: Cloud, id_: str, known: Values) -> None:
    _send(cloud, known["zoneId"], "DELETE", _record(cloud, known))


DNS = {
    "aws:route53/zone:Zone": Entry(
        create=_make_zone,
        read=_read_zone,
        delete=_delete_zone,
        tag=_tag_zone,
        required="name",
        defaults={"comment": "Managed by Pulumi"},
        replaces="name",
        updates={"vpcs": _change_vpcs, "comment": _change_comment, "forceDestroy": nothing},
    ),
    "aws:route53/record:Record": Entry(
        create=_make_record,
        read=_read_record,
        delete=_delete_record,
        required="zoneId name type",
        replaces="zoneId name type setIdentifier",
        updates={
            "records ttl aliases weightedRoutingPolicies": _change_record,
            "allowOverwrite": nothing,
        },
        judges=(one_of("type", *_TYPES), exactly_one("records", "aliases")),
    ),
}
