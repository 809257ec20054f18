"""What lets traffic through: security groups and their rules, network ACLs."""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, Fault, ec2, ec2_one, ec2_tag, nothing
from tests.engine.aws_provider.names import Values, pick, take
from tests.engine.aws_provider.network import described
from tests.engine.aws_provider.rules import between, exactly_one, number_of, one_of, shaped
from tests.engine.provider_protocol.provider import Refused

_RULE = "ipProtocol fromPort toPort"
_SOURCES = "cidrIpv4 cidrIpv6 prefixListId referencedSecurityGroupId"
_ALLOWED = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"


def _make_group(cloud: Cloud, inputs: Values) -> str:
    arguments = {"GroupName": inputs["name"], "Description": inputs["description"]}
    made = cloud("ec2").create_security_group(**arguments, **pick(inputs, "vpcId"))
    id_ = str(made["GroupId"])
    # The real provider takes away the rule that AWS gives to every new group.
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    cloud("ec2").revoke_security_group_egress(GroupId=id_, IpPermissions=[everything])
    _change_inline(cloud, id_, {}, inputs)
    return id_


def _change_inline(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    for way in ("ingress", "egress"):
        before = [_permission(rule, id_) for rule in old.get(way, [])]
        after = [_permission(rule, id_) for rule in new.get(way, [])]
        gone = [rule for rule in before if rule not in after]
        come = [rule for rule in after if rule not in before]
        if gone:
            revoke = getattr(cloud("ec2"), f"revoke_security_group_{way}")
            revoke(GroupId=id_, IpPermissions=gone)
        if come:
            authorize = getattr(cloud("ec2"), f"authorize_security_group_{way}")
            authorize(GroupId=id_, IpPermissions=come)


def _permission(rule: Values, group: str) -> Values:
    told = {"Description": rule["description"]} if rule.get("description") else {}
    permission: Values = {"IpProtocol": rule["protocol"]} | pick(rule, "fromPort toPort")
    permission["IpRanges"] = [{"CidrIp": one, **told} for one in rule.get("cidrBlocks", [])]
    groups = [*rule.get("securityGroups", []), *([group] if rule.get("self") else [])]
    permission["UserIdGroupPairs"] = [{"GroupId": one, **told} for one in groups]
    return permission


def _delete_group(cloud: Cloud, id_: str, known: Values) -> None:
    used = described(cloud, "NetworkInterfaces", group_id=id_)
    if used:
        raise Refused(f"DependencyViolation: {id_} has {len(used)} network interfaces")
    cloud("ec2").delete_security_group(GroupId=id_)


def _read_group(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"][0]
    arn = cloud.arn("ec2", f"security-group/{id_}")
    named = {"name": found["GroupName"], "description": found["Description"]}
    return {"arn": arn, "ownerId": cloud.account, **named, **take(found, "VpcId")}


def _source(inputs: Values) -> Values:
    told = pick(inputs, "description")
    if "referencedSecurityGroupId" in inputs:
        return {"UserIdGroupPairs": [{"GroupId": inputs["referencedSecurityGroupId"], **told}]}
    if "cidrIpv6" in inputs:
        return {"Ipv6Ranges": [{"CidrIpv6": inputs["cidrIpv6"], **told}]}
    if "prefixListId" in inputs:
        return {"PrefixListIds": [{"PrefixListId": inputs["prefixListId"], **told}]}
    return {"IpRanges": [{"CidrIp": inputs["cidrIpv4"], **told}]}


def _rule(way: str) -> Entry:
    """A rule of its own, ``ingress`` or ``egress``."""

    def create(cloud: Cloud, inputs: Values) -> str:
        permission = pick(inputs, _RULE) | _source(inputs)
        authorize = getattr(cloud("ec2"), f"authorize_security_group_{way}")
        made = authorize(GroupId=inputs["securityGroupId"], IpPermissions=[permission])
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def delete(cloud: Cloud, id_: str, known: Values) -> None:
        revoke = getattr(cloud("ec2"), f"revoke_security_group_{way}")
        revoke(GroupId=known["securityGroupId"], SecurityGroupRuleIds=[id_])

    return Entry(
        create=create,
        read=_read_rule,
        delete=delete,
        tag=ec2_tag,
        required="securityGroupId ipProtocol",
        replaces="securityGroupId",
        updates={f"{_RULE} {_SOURCES} description": _change_rule},
        judges=(exactly_one(*_SOURCES.split()), _judge_ports, shaped("description", _ALLOWED, 255)),
    )


def _read_rule(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id_])
    if not found["SecurityGroupRules"]:
        return None
    arn = cloud.arn("ec2", f"security-group-rule/{id_}")
    told = take(found["SecurityGroupRules"][0], "IpProtocol CidrIpv4 CidrIpv6")
    return {"arn": arn, "securityGroupRuleId": id_, **told}


def _change_rule(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if old.get("referencedSecurityGroupId") != new.get("referencedSecurityGroupId"):
        raise Refused(f"moto cannot change which security group rule {id_} refers to")
    rule = pick(new, f"{_RULE} cidrIpv4 cidrIpv6 prefixListId description")
    rule |= {"FromPort": new.get("fromPort", -1), "ToPort": new.get("toPort", -1)}
    if "referencedSecurityGroupId" in new:
        rule["ReferencedGroupId"] = new["referencedSecurityGroupId"]
    cloud("ec2").modify_security_group_rules(
        GroupId=new["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": id_, "SecurityGroupRule": rule}],
    )


def _judge_ports(inputs: Values) -> Iterator[Fault]:
    low, high = number_of(inputs, "fromPort"), number_of(inputs, "toPort")
    if inputs.get("ipProtocol") == "-1":
        if low is not None or high is not None:
            yield "fromPort", "all protocols (-1) have no ports"
    elif inputs.get("ipProtocol") in ("tcp", "udp") and (
        "fromPort" not in inputs or "toPort" not in inputs
    ):
        yield "fromPort", "fromPort and toPort are needed with tcp and udp"
    if low is not None and high is not None and not 0 <= low <= high <= 65535:
        yield "fromPort", f"{low:g} to {high:g} is no range of ports"


def _entries(inputs: Values) -> list[Values]:
    """The entries of an ACL that are written inline, as the API has them."""
    return [
        _acl_entry(rule["ruleNo"], rule["action"], way == "egress", rule)
        for way in ("ingress", "egress")
        for rule in inputs.get(way, [])
    ]


_PROTOCOLS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17"}


def _acl_entry(number: int, action: str, egress: bool, rule: Values) -> Values:
    protocol = str(rule["protocol"])
    entry: Values = {
        "RuleNumber": number,
        "RuleAction": action,
        "Egress": egress,
        "Protocol": _PROTOCOLS.get(protocol, protocol),
        **pick(rule, "cidrBlock ipv6CidrBlock"),
    }
    if entry["Protocol"] in ("6", "17"):
        entry["PortRange"] = {"From": rule["fromPort"], "To": rule["toPort"]}
    return entry


def _make_acl(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ec2").create_network_acl(VpcId=inputs["vpcId"])
    id_ = str(made["NetworkAcl"]["NetworkAclId"])
    _change_entries(cloud, id_, {}, inputs)
    _change_subnets(cloud, id_, {}, inputs)
    return id_


def _change_entries(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = _entries(old), _entries(new)
    for entry in before:
        if entry not in after:
            _delete_entry(cloud, id_, entry["RuleNumber"], entry["Egress"])
    for entry in after:
        if entry not in before:
            cloud("ec2").create_network_acl_entry(NetworkAclId=id_, **entry)


def _delete_entry(cloud: Cloud, acl: str, number: int, egress: bool) -> None:
    cloud("ec2").delete_network_acl_entry(NetworkAclId=acl, RuleNumber=number, Egress=egress)


def _change_subnets(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    for subnet in new.get("subnetIds", []):
        if subnet not in old.get("subnetIds", []):
            _use_acl(cloud, subnet, id_)
    for subnet in old.get("subnetIds", []):
        if subnet not in new.get("subnetIds", []):
            _use_acl(cloud, subnet, _default_acl(cloud, new["vpcId"]))


def _associations(cloud: Cloud) -> Iterable[Values]:
    for acl in cloud("ec2").describe_network_acls()["NetworkAcls"]:
        yield from acl["Associations"]


def _use_acl(cloud: Cloud, subnet: str, acl: str) -> str:
    """A subnet always has one ACL: what changes is which; returns the new association."""
    [current] = [one for one in _associations(cloud) if one["SubnetId"] == subnet]
    moved = cloud("ec2").replace_network_acl_association(
        AssociationId=current["NetworkAclAssociationId"], NetworkAclId=acl
    )
    return str(moved["NewAssociationId"])


def _default_acl(cloud: Cloud, vpc: str) -> str:
    return str(described(cloud, "NetworkAcls", vpc_id=vpc, default="true")[0]["NetworkAclId"])


def _delete_acl(cloud: Cloud, id_: str, known: Values) -> None:
    for one in list(_associations(cloud)):
        if one["NetworkAclId"] == id_:
            _use_acl(cloud, one["SubnetId"], _default_acl(cloud, known["vpcId"]))
    cloud("ec2").delete_network_acl(NetworkAclId=id_)


def _associate_acl(cloud: Cloud, inputs: Values) -> str:
    return _use_acl(cloud, inputs["subnetId"], inputs["networkAclId"])


def _read_acl_association(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = [one for one in _associations(cloud) if one["NetworkAclAssociationId"] == id_]
    return take(found[0], "NetworkAclId SubnetId") if found else None


def _disassociate_acl(cloud: Cloud, id_: str, known: Values) -> None:
    acl = ec2_one(cloud, "NetworkAcl", known["networkAclId"])
    if acl is not None and _read_acl_association(cloud, id_, known) is not None:
        _use_acl(cloud, known["subnetId"], _default_acl(cloud, acl["VpcId"]))


def _acl_rule(inputs: Values) -> Values:
    egress = bool(inputs.get("egress"))
    return _acl_entry(inputs["ruleNumber"], inputs["ruleAction"], egress, inputs)


def _make_acl_rule(cloud: Cloud, inputs: Values) -> str:
    cloud("ec2").create_network_acl_entry(NetworkAclId=inputs["networkAclId"], **_acl_rule(inputs))
    return f"nacl-{inputs['networkAclId']}-{inputs['ruleNumber']}-{bool(inputs.get('egress'))}"


def _read_acl_rule(cloud: Cloud, id_: str, known: Values) -> Values | None:
    acl = ec2_one(cloud, "NetworkAcl", known["networkAclId"])
    entries = acl["Entries"] if acl else []
    wanted = (known["ruleNumber"], bool(known.get("egress")))
    found = any((one["RuleNumber"], one["Egress"]) == wanted for one in entries)
    return {} if found else None


def _delete_acl_rule(cloud: Cloud, id_: str, known: Values) -> None:
    _delete_entry(cloud, known["networkAclId"], known["ruleNumber"], bool(known.get("egress")))


def _judge_inline(inputs: Values) -> Iterator[Fault]:
    for way in ("ingress", "egress"):
        rules: Any = inputs.get(way, [])
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            number = rule.get("ruleNo") if isinstance(rule, dict) else None
            if isinstance(number, int) and not 1 <= number <= 32766:
                yield f"{way}[{index}].ruleNo", f"expected 1 to 32766; got {number}"


FIREWALL = {
    "aws:ec2/securityGroup:SecurityGroup": Entry(
        create=_make_group,
        read=_read_group,
        delete=_delete_group,
        tag=ec2_tag,
        named="name",
        defaults={"description": "Managed by Pulumi"},
        replaces="vpcId name description",
        updates={"ingress egress": _change_inline, "revokeRulesOnDelete": nothing},
        judges=(shaped("description", _ALLOWED, 255), shaped("name", r"(?!sg-).*", 255)),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
    "aws:ec2/networkAcl:NetworkAcl": ec2(
        "NetworkAcl",
        "",
        create=_make_acl,
        delete=_delete_acl,
        required="vpcId",
        replaces="vpcId",
        updates={"ingress egress": _change_entries, "subnetIds": _change_subnets},
        judges=(_judge_inline,),
    ),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": Entry(
        create=_associate_acl,
        read=_read_acl_association,
        delete=_disassociate_acl,
        required="networkAclId subnetId",
        replaces="networkAclId subnetId",
    ),
    "aws:ec2/networkAclRule:NetworkAclRule": Entry(
        create=_make_acl_rule,
        read=_read_acl_rule,
        delete=_delete_acl_rule,
        required="networkAclId ruleNumber protocol ruleAction",
        replaces="networkAclId ruleNumber protocol ruleAction egress cidrBlock fromPort toPort",
        judges=(between("ruleNumber", 1, 32766), one_of("ruleAction", "allow", "deny")),
    ),
}
