"""What is stored: S3."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.engine.aws_provider.cloud import Cloud, is_missing
from tests.engine.aws_provider.entry import Entry, nothing
from tests.engine.aws_provider.identity import statements
from tests.engine.aws_provider.names import Values, pick, tag_list, tag_map, upper
from tests.engine.aws_provider.rules import json_text, shaped
from tests.engine.provider_protocol.provider import Refused


def _make_bucket(cloud: Cloud, inputs: Values) -> str:
    place = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    here = {} if cloud.region == "us-east-1" else place
    cloud("s3").create_bucket(Bucket=inputs["bucket"], **here, **_locking(inputs))
    return str(inputs["bucket"])


def _locking(inputs: Values) -> Values:
    return {"ObjectLockEnabledForBucket": True} if inputs.get("objectLockEnabled") else {}


def _read_bucket(cloud: Cloud, id_: str, known: Values) -> Values | None:
    cloud("s3").head_bucket(Bucket=id_)
    return {
        "arn": f"arn:aws:s3:::{id_}",
        "bucketDomainName": f"{id_}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{id_}.s3.{cloud.region}.amazonaws.com",
    }


def _delete_bucket(cloud: Cloud, id_: str, known: Values) -> None:
    if known.get("forceDestroy"):
        # Where versioning is suspended, moto fails over a delete marker.
        enabled = {"VersioningConfiguration": {"Status": "Enabled"}}
        cloud("s3").put_bucket_versioning(Bucket=id_, **enabled)
        found = cloud("s3").list_object_versions(Bucket=id_)
        for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            cloud("s3").delete_object(Bucket=id_, Key=one["Key"], VersionId=one["VersionId"])
    cloud("s3").delete_bucket(Bucket=id_)


def _tag_bucket(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    try:
        current = tag_map(cloud("s3").get_bucket_tagging(Bucket=id_)["TagSet"])
    except ClientError as error:
        if not is_missing(error):
            raise
        current = {}
    wanted = {key: value for key, value in current.items() if key not in removed} | dict(tags)
    cloud("s3").put_bucket_tagging(Bucket=id_, Tagging={"TagSet": tag_list(wanted)})


def _aspect(
    name: str,
    argument: str,
    request: Callable[[Values], object],
    changes: str,
    **rest: Any,  # noqa: ANN401
) -> Entry:
    """One side of a bucket that is a resource of its own, put and got whole.

    Args:
        name: As in ``put_bucket_NAME``, ``get_bucket_NAME`` and ``delete_bucket_NAME``.
        argument: What the put call calls it.
        request: The inputs as that call wants them.
        changes: Inputs that can be changed in place.
        rest: The other attributes of the entry.
    """
    noun = name if name == "public_access_block" else f"bucket_{name}"

    def put(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
        getattr(cloud("s3"), f"put_{noun}")(Bucket=new["bucket"], **{argument: request(new)})

    def create(cloud: Cloud, inputs: Values) -> str:
        put(cloud, "", {}, inputs)
        return str(inputs["bucket"])

    def read(cloud: Cloud, id_: str, known: Values) -> Values | None:
        getattr(cloud("s3"), f"get_{noun}")(Bucket=id_)
        return {}

    def delete(cloud: Cloud, id_: str, known: Values) -> None:
        if name == "versioning":
            suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
            cloud("s3").put_bucket_versioning(Bucket=id_, **suspended)
        else:
            getattr(cloud("s3"), f"delete_{noun.removesuffix('_configuration')}")(Bucket=id_)

    return Entry(
        create=create, read=read, delete=delete, updates={changes: put}, replaces="bucket", **rest
    )


_BLOCK = "blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"


def _encryption(inputs: Values) -> Values:
    rules = []
    for rule in inputs["rules"]:
        default = rule.get("applyServerSideEncryptionByDefault", {})
        how: Values = {"SSEAlgorithm": default.get("sseAlgorithm", "AES256")}
        if "kmsMasterKeyId" in default:
            how["KMSMasterKeyID"] = default["kmsMasterKeyId"]
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": how,
                "BucketKeyEnabled": bool(rule.get("bucketKeyEnabled")),
            }
        )
    return {"Rules": rules}


def _lifecycle(inputs: Values) -> Values:
    rules = []
    for rule in inputs["rules"]:
        one = upper({name: value for name, value in rule.items() if name != "id"})
        one["ID"] = rule["id"]
        one.setdefault("Filter", {"Prefix": ""})
        rules.append(one)
    return {"Rules": rules}


def _body(inputs: Values) -> bytes:
    if "contentBase64" in inputs:
        return base64.b64decode(inputs["contentBase64"])
    source = inputs.get("source")
    if isinstance(source, Mapping) and "text" in source:
        return str(source["text"]).encode()
    if isinstance(source, Mapping) and "path" in source:
        return Path(source["path"]).read_bytes()
    if source is not None:
        raise Refused("an object's source must be a FileAsset or a StringAsset")
    return str(inputs.get("content", "")).encode()


def _put_object(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "bucket key contentType cacheControl serverSideEncryption metadata")
    if "kmsKeyId" in inputs:
        arguments |= {"SSEKMSKeyId": inputs["kmsKeyId"], "ServerSideEncryption": "aws:kms"}
    cloud("s3").put_object(Body=_body(inputs), **arguments)
    return f"{inputs['bucket']}/{inputs['key']}"


def _change_object(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    _put_object(cloud, new)


def _read_object(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("s3").head_object(Bucket=known["bucket"], Key=known["key"])
    etag = found["ETag"].strip('"')
    version = found.get("VersionId", "")
    arn = f"arn:aws:s3:::{known['bucket']}/{known['key']}"
    return {"arn": arn, "etag": known.get("etag", etag), "versionId": version}


def _delete_object(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("s3").delete_object(Bucket=known["bucket"], Key=known["key"])


def _tag_object(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    bucket, _, key = id_.partition("/")
    current = tag_map(cloud("s3").get_object_tagging(Bucket=bucket, Key=key)["TagSet"])
    wanted = {name: value for name, value in current.items() if name not in removed} | dict(tags)
    tagging = {"TagSet": tag_list(wanted)}
    cloud("s3").put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging)


_OBJECT = Entry(
    create=_put_object,
    read=_read_object,
    delete=_delete_object,
    tag=_tag_object,
    required="bucket",
    named="key",
    replaces="bucket key",
    updates={
        "source content contentBase64 contentType cacheControl metadata etag sourceHash "
        "serverSideEncryption kmsKeyId": _change_object,
        "forceDestroy": nothing,
    },
    volatile="etag versionId",
)
_OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
STORAGE = {
    "aws:s3/bucket:Bucket": Entry(
        create=_make_bucket,
        read=_read_bucket,
        delete=_delete_bucket,
        tag=_tag_bucket,
        named="bucket",
        longest_name=63,
        replaces="bucket objectLockEnabled",
        updates={"forceDestroy": nothing},
        judges=(shaped("bucket", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", 63),),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _aspect(
        "versioning",
        "VersioningConfiguration",
        lambda inputs: pick(inputs["versioningConfiguration"], "status mfaDelete"),
        "versioningConfiguration",
        required="bucket versioningConfiguration",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _aspect(
        "public_access_block",
        "PublicAccessBlockConfiguration",
        lambda inputs: pick(inputs, _BLOCK),
        _BLOCK,
        required="bucket",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _aspect(
            "encryption",
            "ServerSideEncryptionConfiguration",
            _encryption,
            "rules",
            required="bucket rules",
        )
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _aspect(
        "lifecycle_configuration",
        "LifecycleConfiguration",
        _lifecycle,
        "rules",
        required="bucket rules",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _aspect(
        "policy",
        "Policy",
        lambda inputs: inputs["policy"],
        "policy",
        required="bucket policy",
        documents="policy",
        judges=(json_text("policy", 20480), statements("policy")),
    ),
    _OWNERSHIP: _aspect(
        "ownership_controls",
        "OwnershipControls",
        lambda inputs: {"Rules": [upper(inputs["rule"])]},
        "rule",
        required="bucket rule",
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": _OBJECT,
    "aws:s3/bucketObject:BucketObject": _OBJECT,
}
