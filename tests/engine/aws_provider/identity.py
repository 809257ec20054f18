"""Who may do what: IAM."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, Fault, Tag, nothing
from tests.engine.aws_provider.names import Values, pick, tag_list, take
from tests.engine.aws_provider.rules import between, json_text, shaped, text_of

_NAME = r"[\w+=,.@-]+"


def _tag(noun: str, by: str) -> Tag:
    """Tags with a call such as ``tag_role``; the id is the value of ``by``."""

    def tag(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
        iam = cloud("iam")
        if removed:
            getattr(iam, f"untag_{noun}")(**{by: id_, "TagKeys": removed})
        if tags:
            getattr(iam, f"tag_{noun}")(**{by: id_, "Tags": tag_list(tags)})

    return tag


def statements(name: str) -> Any:  # noqa: ANN401 a Judge
    """The property is a policy: each statement has an effect, actions, and whom or what."""

    def judge(inputs: Values) -> Iterator[Fault]:
        text = text_of(inputs, name)
        try:
            tree = json.loads(text) if text is not None else None
        except ValueError:
            return  # ``json_text`` tells of it.
        if tree is None:
            return
        if not isinstance(tree, dict) or tree.get("Version") not in ("2012-10-17", "2008-10-17"):
            yield name, "is no policy of Version 2012-10-17"
            return
        given = tree.get("Statement")
        for index, one in enumerate(given if isinstance(given, list) else [given]):
            yield from _statement_faults(f"{name}.Statement[{index}]", one)

    return judge


def _statement_faults(where: str, one: object) -> Iterator[Fault]:
    if not isinstance(one, dict):
        yield where, "is no statement"
        return
    if one.get("Effect") not in ("Allow", "Deny"):
        yield where, f"Effect is {one.get('Effect')!r}, not Allow or Deny"
    for names in (("Action", "NotAction"), ("Resource", "NotResource", "Principal")):
        if not any(one.get(name) for name in names):
            yield where, f"has none of {', '.join(names)}"
    known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal"}
    for name in set(one) - known - {"NotPrincipal", "Condition"}:
        yield where, f"{name} is no element of a statement"


_ROLE = "description maxSessionDuration path permissionsBoundary"


def _make_role(cloud: Cloud, inputs: Values) -> str:
    id_ = str(inputs["name"])
    document = {"AssumeRolePolicyDocument": inputs["assumeRolePolicy"]}
    cloud("iam").create_role(RoleName=id_, **document, **pick(inputs, _ROLE))
    _change_managed(cloud, id_, {}, inputs)
    _change_inline(cloud, id_, {}, inputs)
    return id_


def _change_managed(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = (v.get("managedPolicyArns", []) for v in (old, new))
    for arn in before:
        if arn not in after:
            cloud("iam").detach_role_policy(RoleName=id_, PolicyArn=arn)
    for arn in after:
        cloud("iam").attach_role_policy(RoleName=id_, PolicyArn=arn)


def _change_inline(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = (v.get("inlinePolicies", []) for v in (old, new))
    for one in before:
        if one["name"] not in [kept["name"] for kept in after]:
            cloud("iam").delete_role_policy(RoleName=id_, PolicyName=one["name"])
    for one in after:
        named = {"RoleName": id_, "PolicyName": one["name"]}
        cloud("iam").put_role_policy(**named, PolicyDocument=one["policy"])


def _change_role(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("iam").update_role(RoleName=id_, **pick(new, "description maxSessionDuration"))


def _change_boundary(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if "permissionsBoundary" in new:
        boundary = {"PermissionsBoundary": new["permissionsBoundary"]}
        cloud("iam").put_role_permissions_boundary(RoleName=id_, **boundary)
    else:
        cloud("iam").delete_role_permissions_boundary(RoleName=id_)


def _change_trust(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("iam").update_assume_role_policy(RoleName=id_, PolicyDocument=new["assumeRolePolicy"])


def _read_role(cloud: Cloud, id_: str, known: Values) -> Values | None:
    role = cloud("iam").get_role(RoleName=id_)["Role"]
    told = take(role, "Arn CreateDate")
    return {"name": id_, "uniqueId": role["RoleId"], **told}


def _delete_role(cloud: Cloud, id_: str, known: Values) -> None:
    _change_managed(cloud, id_, known, {})
    _change_inline(cloud, id_, known, {})
    cloud("iam").delete_role(RoleName=id_)


def _put_role_policy(cloud: Cloud, inputs: Values) -> str:
    _change_role_policy(cloud, "", {}, inputs)
    return f"{inputs['role']}:{inputs['name']}"


def _change_role_policy(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    named = {"RoleName": new["role"], "PolicyName": new["name"]}
    cloud("iam").put_role_policy(**named, PolicyDocument=new["policy"])


def _read_role_policy(cloud: Cloud, id_: str, known: Values) -> Values | None:
    role, _, name = id_.partition(":")
    cloud("iam").get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name}


def _delete_role_policy(cloud: Cloud, id_: str, known: Values) -> None:
    role, _, name = id_.partition(":")
    cloud("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _make_policy(cloud: Cloud, inputs: Values) -> str:
    named = {"PolicyName": inputs["name"], "PolicyDocument": inputs["policy"]}
    made = cloud("iam").create_policy(**named, **pick(inputs, "description path"))
    return str(made["Policy"]["Arn"])


def _change_policy(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    iam = cloud("iam")
    for version in iam.list_policy_versions(PolicyArn=id_)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=id_, VersionId=version["VersionId"])
    iam.create_policy_version(PolicyArn=id_, PolicyDocument=new["policy"], SetAsDefault=True)


def _read_policy(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("iam").get_policy(PolicyArn=id_)["Policy"]
    return {**take(found, "Arn PolicyId AttachmentCount"), "name": found["PolicyName"]}


def _delete_policy(cloud: Cloud, id_: str, known: Values) -> None:
    iam = cloud("iam")
    for version in iam.list_policy_versions(PolicyArn=id_)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=id_, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=id_)


def _attach(cloud: Cloud, inputs: Values) -> str:
    cloud("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    return f"{inputs['role']}/{inputs['policyArn']}"


def _read_attached(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("iam").list_attached_role_policies(RoleName=known["role"])["AttachedPolicies"]
    return {} if known["policyArn"] in [one["PolicyArn"] for one in found] else None


def _detach(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("iam").detach_role_policy(RoleName=known["role"], PolicyArn=known["policyArn"])


def _make_profile(cloud: Cloud, inputs: Values) -> str:
    id_ = str(inputs["name"])
    cloud("iam").create_instance_profile(InstanceProfileName=id_, **pick(inputs, "path"))
    _change_profile_role(cloud, id_, {}, inputs)
    return id_


def _change_profile_role(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    for call, values in (("remove_role_from", old), ("add_role_to", new)):
        if "role" in values:
            move = getattr(cloud("iam"), f"{call}_instance_profile")
            move(InstanceProfileName=id_, RoleName=values["role"])


def _read_profile(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("iam").get_instance_profile(InstanceProfileName=id_)["InstanceProfile"]
    told = take(found, "Arn CreateDate")
    return {"name": id_, "uniqueId": found["InstanceProfileId"], **told}


def _delete_profile(cloud: Cloud, id_: str, known: Values) -> None:
    _change_profile_role(cloud, id_, known, {})
    cloud("iam").delete_instance_profile(InstanceProfileName=id_)


def _make_issuer(cloud: Cloud, inputs: Values) -> str:
    made = cloud("iam").create_open_id_connect_provider(
        Url=inputs["url"],
        ClientIDList=inputs["clientIdLists"],
        ThumbprintList=inputs.get("thumbprintLists", ["0" * 40]),
    )
    return str(made["OpenIDConnectProviderArn"])


def _read_issuer(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=id_)
    return {"arn": id_, "thumbprintLists": found["ThumbprintList"]}


def _change_thumbprints(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("iam").update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=id_, ThumbprintList=new["thumbprintLists"]
    )


def _delete_issuer(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=id_)


IDENTITY = {
    "aws:iam/role:Role": Entry(
        create=_make_role,
        read=_read_role,
        delete=_delete_role,
        tag=_tag("role", "RoleName"),
        required="assumeRolePolicy",
        named="name",
        longest_name=64,
        replaces="name path",
        updates={
            "description maxSessionDuration": _change_role,
            "assumeRolePolicy": _change_trust,
            "managedPolicyArns": _change_managed,
            "inlinePolicies": _change_inline,
            "permissionsBoundary": _change_boundary,
            "forceDetachPolicies": nothing,
        },
        documents="assumeRolePolicy",
        judges=(
            json_text("assumeRolePolicy", 2048),
            statements("assumeRolePolicy"),
            shaped("name", _NAME, 64),
            between("maxSessionDuration", 3600, 43200),
        ),
    ),
    "aws:iam/rolePolicy:RolePolicy": Entry(
        create=_put_role_policy,
        read=_read_role_policy,
        delete=_delete_role_policy,
        required="role policy",
        named="name",
        longest_name=128,
        replaces="name role",
        updates={"policy": _change_role_policy},
        documents="policy",
        judges=(json_text("policy", 10240), statements("policy"), shaped("name", _NAME, 128)),
    ),
    "aws:iam/policy:Policy": Entry(
        create=_make_policy,
        read=_read_policy,
        delete=_delete_policy,
        tag=_tag("policy", "PolicyArn"),
        required="policy",
        named="name",
        longest_name=128,
        replaces="name path description",
        updates={"policy": _change_policy},
        documents="policy",
        judges=(json_text("policy", 6144), statements("policy"), shaped("name", _NAME, 128)),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Entry(
        create=_attach,
        read=_read_attached,
        delete=_detach,
        required="role policyArn",
        replaces="role policyArn",
        judges=(shaped("policyArn", r"arn:aws[\w-]*:iam::(\d{12}|aws):policy/.+"),),
    ),
    "aws:iam/instanceProfile:InstanceProfile": Entry(
        create=_make_profile,
        read=_read_profile,
        delete=_delete_profile,
        tag=_tag("instance_profile", "InstanceProfileName"),
        named="name",
        longest_name=128,
        replaces="name path",
        updates={"role": _change_profile_role},
        judges=(shaped("name", _NAME, 128),),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Entry(
        create=_make_issuer,
        read=_read_issuer,
        delete=_delete_issuer,
        tag=_tag("open_id_connect_provider", "OpenIDConnectProviderArn"),
        required="url clientIdLists",
        replaces="url clientIdLists",
        updates={"thumbprintLists": _change_thumbprints},
        judges=(shaped("url", r"https://.+"),),
    ),
}
