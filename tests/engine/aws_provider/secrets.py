"""What is kept secret: Secrets Manager and KMS."""

from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, Fault, nothing
from tests.engine.aws_provider.identity import statements
from tests.engine.aws_provider.names import Values, pick, tag_list, take
from tests.engine.aws_provider.rules import between, exactly_one, json_text, number_of, shaped


def _make_secret(cloud: Cloud, inputs: Values) -> str:
    made = cloud("secretsmanager").create_secret(**pick(inputs, "name description kmsKeyId"))
    _change_secret_policy(cloud, made["ARN"], {}, inputs)
    return str(made["ARN"])


def _read_secret(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("secretsmanager").describe_secret(SecretId=id_)
    return None if "DeletedDate" in found else {"arn": id_, **take(found, "Name Description")}


def _change_secret(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("secretsmanager").update_secret(SecretId=id_, **pick(new, "description kmsKeyId"))


def _change_secret_policy(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if "policy" in new:
        policy = {"ResourcePolicy": new["policy"]}
        cloud("secretsmanager").put_resource_policy(SecretId=id_, **policy)
    elif "policy" in old:
        cloud("secretsmanager").delete_resource_policy(SecretId=id_)


def _delete_secret(cloud: Cloud, id_: str, known: Values) -> None:
    days = known.get("recoveryWindowInDays", 30)
    how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    cloud("secretsmanager").delete_secret(SecretId=id_, **how)


def _tag_secret(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    if removed:
        cloud("secretsmanager").untag_resource(SecretId=id_, TagKeys=removed)
    if tags:
        cloud("secretsmanager").tag_resource(SecretId=id_, Tags=tag_list(tags))


def _put_version(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "secretId secretString secretBinary versionStages")
    if "secretStringWo" in inputs:
        arguments["SecretString"] = inputs["secretStringWo"]
    made = cloud("secretsmanager").put_secret_value(**arguments)
    return f"{made['ARN']}|{made['VersionId']}"


def _read_version(cloud: Cloud, id_: str, known: Values) -> Values | None:
    arn, _, version = id_.partition("|")
    found = cloud("secretsmanager").describe_secret(SecretId=arn)
    stages = found.get("VersionIdsToStages", {}).get(version)
    if stages is None:
        return None
    return {"arn": arn, "secretArn": arn, "versionId": version, "versionStages": stages}


def _leave_version(cloud: Cloud, id_: str, known: Values) -> None:
    """The version that is current cannot be taken away: it goes with its secret, as in AWS."""


def _put_secret_policy(cloud: Cloud, inputs: Values) -> str:
    _change_secret_policy(cloud, inputs["secretArn"], {}, inputs)
    return str(inputs["secretArn"])


def _read_secret_policy(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("secretsmanager").get_resource_policy(SecretId=id_)
    return {} if found.get("ResourcePolicy") else None


def _delete_secret_policy(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("secretsmanager").delete_resource_policy(SecretId=id_)


_KEY = "description keyUsage multiRegion policy bypassPolicyLockoutSafetyCheck"


def _make_key(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, _KEY)
    if "customerMasterKeySpec" in inputs:
        arguments["KeySpec"] = inputs["customerMasterKeySpec"]
    id_ = str(cloud("kms").create_key(**arguments)["KeyMetadata"]["KeyId"])
    if inputs.get("enableKeyRotation"):
        _change_rotation(cloud, id_, {}, inputs)
    return id_


def _read_key(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("kms").describe_key(KeyId=id_)["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        return None
    policy = cloud("kms").get_key_policy(KeyId=id_, PolicyName="default")["Policy"]
    told = {"arn": found["Arn"], "keyId": id_, "keyUsage": found.get("KeyUsage", "ENCRYPT_DECRYPT")}
    return told if "policy" in known else told | {"policy": policy}


def _change_rotation(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if new.get("enableKeyRotation"):
        cloud("kms").enable_key_rotation(KeyId=id_, **pick(new, "rotationPeriodInDays"))
    else:
        cloud("kms").disable_key_rotation(KeyId=id_)


def _change_key(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("kms").update_key_description(KeyId=id_, Description=new.get("description", ""))


def _change_key_policy(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("kms").put_key_policy(KeyId=id_, PolicyName="default", Policy=new["policy"])


def _delete_key(cloud: Cloud, id_: str, known: Values) -> None:
    days = known.get("deletionWindowInDays", 30)
    cloud("kms").schedule_key_deletion(KeyId=id_, PendingWindowInDays=days)


def _tag_key(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    if removed:
        cloud("kms").untag_resource(KeyId=id_, TagKeys=removed)
    if tags:
        cloud("kms").tag_resource(KeyId=id_, Tags=tag_list(tags, "TagKey", "TagValue"))


def _make_alias(cloud: Cloud, inputs: Values) -> str:
    cloud("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return str(inputs["name"])


def _read_alias(cloud: Cloud, id_: str, known: Values) -> Values | None:
    for one in cloud("kms").list_aliases()["Aliases"]:
        if one["AliasName"] == id_:
            arn = cloud.arn("kms", f"key/{one['TargetKeyId']}")
            return {"arn": one["AliasArn"], "name": id_, "targetKeyArn": arn}
    return None


def _move_alias(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("kms").update_alias(AliasName=id_, TargetKeyId=new["targetKeyId"])


def _delete_alias(cloud: Cloud, id_: str, known: Values) -> None:
    try:
        cloud("kms").delete_alias(AliasName=id_)
    except ClientError:
        if _read_alias(cloud, id_, known) is not None:
            raise


def _judge_window(inputs: Values) -> Iterator[Fault]:
    days = number_of(inputs, "recoveryWindowInDays")
    if days is not None and days != 0 and not 7 <= days <= 30:
        yield "recoveryWindowInDays", f"expected 0 or 7 to 30; got {days:g}"


_VERSION = "secretId secretString secretBinary secretStringWo secretStringWoVersion"
SECRETS = {
    "aws:secretsmanager/secret:Secret": Entry(
        create=_make_secret,
        read=_read_secret,
        delete=_delete_secret,
        tag=_tag_secret,
        named="name",
        replaces="name",
        defaults={"recoveryWindowInDays": 30, "forceOverwriteReplicaSecret": False},
        updates={
            "description kmsKeyId": _change_secret,
            "policy": _change_secret_policy,
            "recoveryWindowInDays forceOverwriteReplicaSecret": nothing,
        },
        documents="policy",
        judges=(
            shaped("name", r"[A-Za-z0-9/_+=.@-]+", 512),
            json_text("policy", 20480),
            statements("policy"),
            _judge_window,
        ),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Entry(
        create=_put_version,
        read=_read_version,
        delete=_leave_version,
        required="secretId",
        replaces=_VERSION,
        hidden="secretStringWo",
        judges=(
            exactly_one("secretString", "secretBinary", "secretStringWo"),
            shaped("secretString", r".+", 65536),
        ),
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Entry(
        create=_put_secret_policy,
        read=_read_secret_policy,
        delete=_delete_secret_policy,
        required="secretArn policy",
        replaces="secretArn",
        updates={"policy": _change_secret_policy},
        documents="policy",
        judges=(json_text("policy", 20480), statements("policy")),
    ),
    "aws:kms/key:Key": Entry(
        create=_make_key,
        read=_read_key,
        delete=_delete_key,
        tag=_tag_key,
        replaces="keyUsage customerMasterKeySpec multiRegion",
        updates={
            "description": _change_key,
            "enableKeyRotation rotationPeriodInDays": _change_rotation,
            "policy": _change_key_policy,
            "deletionWindowInDays bypassPolicyLockoutSafetyCheck": nothing,
        },
        documents="policy",
        judges=(
            between("deletionWindowInDays", 7, 30),
            json_text("policy", 32768),
            statements("policy"),
        ),
    ),
    "aws:kms/alias:Alias": Entry(
        create=_make_alias,
        read=_read_alias,
        delete=_delete_alias,
        required="targetKeyId",
        named="name",
        name_prefix="alias/",
        replaces="name",
        updates={"targetKeyId": _move_alias},
        judges=(shaped("name", r"alias/(?!aws/)[A-Za-z0-9/_-]+", 256),),
    ),
}
