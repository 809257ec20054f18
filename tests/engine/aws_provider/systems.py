"""How machines are run from outside: Systems Manager, placement groups, snapshots' life."""

import uuid
from collections.abc import Mapping

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, Tag, nothing
from tests.engine.aws_provider.names import Values, pick, tag_list, upper
from tests.engine.aws_provider.rules import exactly_one, one_of, shaped
from tests.engine.aws_provider.shelf import shelve_tags, shelved


def _value(inputs: Values) -> str:
    given = (inputs.get(name) for name in ("value", "insecureValue", "valueWo"))
    return str(next(one for one in given if one is not None))


def _put_parameter(cloud: Cloud, inputs: Values) -> str:
    _send_parameter(cloud, inputs, bool(inputs.get("overwrite")))
    return str(inputs["name"])


def _change_parameter(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    _send_parameter(cloud, new, overwrite=True)


def _send_parameter(cloud: Cloud, inputs: Values, overwrite: bool) -> None:
    arguments = pick(inputs, "name type description keyId tier allowedPattern dataType")
    cloud("ssm").put_parameter(Value=_value(inputs), Overwrite=overwrite, **arguments)


def _read_parameter(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ssm").get_parameter(Name=id_, WithDecryption=True)["Parameter"]
    told = {"arn": found["ARN"], "version": found["Version"], "type": found["Type"]}
    return told if "valueWo" in known else told | {"value": found["Value"]}


def _delete_parameter(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ssm").delete_parameter(Name=id_)


def _tag(kind: str) -> Tag:
    def tag(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
        named: Values = {"ResourceType": kind, "ResourceId": id_}
        if removed:
            cloud("ssm").remove_tags_from_resource(**named, TagKeys=removed)
        if tags:
            cloud("ssm").add_tags_to_resource(**named, Tags=tag_list(tags))

    return tag


_DOCUMENT = "name content documentType documentFormat targetType versionName"


def _make_document(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ssm").create_document(**pick(inputs, _DOCUMENT))
    return str(made["DocumentDescription"]["Name"])


def _change_document(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    arguments = pick(new, "content documentFormat targetType versionName")
    made = cloud("ssm").update_document(Name=id_, DocumentVersion="$LATEST", **arguments)
    version = made["DocumentDescription"]["DocumentVersion"]
    cloud("ssm").update_document_default_version(Name=id_, DocumentVersion=version)


def _read_document(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("ssm").describe_document(Name=id_)["Document"]
    return {
        "arn": cloud.arn("ssm", f"document/{id_}"),
        "defaultVersion": found["DefaultVersion"],
        "latestVersion": found["LatestVersion"],
        "status": found["Status"],
        "hash": found["Hash"],
    }


def _delete_document(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("ssm").delete_document(Name=id_)


def _association(inputs: Values) -> Values:
    asked = pick(
        inputs,
        "name associationName documentVersion scheduleExpression maxConcurrency maxErrors "
        "complianceSeverity applyOnlyAtCronInterval automationTargetParameterName targets",
    )
    if "parameters" in inputs:
        asked["Parameters"] = {key: [value] for key, value in inputs["parameters"].items()}
    if "outputLocation" in inputs:
        place = {
            "OutputS3BucketName": inputs["outputLocation"]["s3BucketName"],
            "OutputS3KeyPrefix": inputs["outputLocation"].get("s3KeyPrefix", ""),
        }
        asked["OutputLocation"] = {"S3Location": place}
    return asked


def _tell_association(cloud: Cloud, id_: str, known: Values) -> Values:
    return {"associationId": id_, "arn": cloud.arn("ssm", f"association/{id_}")}


def _tell_group(cloud: Cloud, id_: str, known: Values) -> Values:
    return {"placementGroupId": id_, "arn": cloud.arn("ec2", f"placement-group/{known['name']}")}


def _placement(inputs: Values) -> Values:
    return {"GroupName": inputs["name"]} | pick(inputs, "strategy partitionCount spreadLevel")


def _snapshot_life(inputs: Values) -> Values:
    asked = pick(inputs, "executionRoleArn description state")
    details = upper(inputs["policyDetails"])
    details["TargetTags"] = tag_list(inputs["policyDetails"].get("targetTags", {}))
    for schedule in details.get("Schedules", []):
        schedule["TagsToAdd"] = tag_list(schedule.get("TagsToAdd", {}))
    return asked | {"PolicyDetails": details}


def _new_id(cloud: Cloud, inputs: Values) -> str:
    return str(uuid.uuid4())


SYSTEMS = {
    "aws:ssm/parameter:Parameter": Entry(
        create=_put_parameter,
        read=_read_parameter,
        delete=_delete_parameter,
        tag=_tag("Parameter"),
        required="type",
        named="name",
        replaces="name dataType",
        updates={
            "value insecureValue valueWo valueWoVersion type description tier allowedPattern "
            "keyId": _change_parameter,
            "overwrite": nothing,
        },
        volatile="version",
        hidden="valueWo",
        judges=(
            exactly_one("value", "insecureValue", "valueWo"),
            one_of("type", "String", "StringList", "SecureString"),
            shaped("name", r"[A-Za-z0-9/_.-]+", 2048),
            shaped("value", r".+", 8192),
        ),
    ),
    "aws:ssm/document:Document": Entry(
        create=_make_document,
        read=_read_document,
        delete=_delete_document,
        tag=_tag("Document"),
        required="content documentType",
        named="name",
        longest_name=128,
        replaces="name documentType",
        updates={"content documentFormat targetType versionName": _change_document},
        volatile="defaultVersion latestVersion hash",
        judges=(shaped("name", r"[A-Za-z0-9_.-]{3,128}"),),
    ),
    "aws:ssm/association:Association": shelved(
        "ssm",
        "CreateAssociation",
        request=_association,
        id_of=_new_id,
        told=_tell_association,
        changes=(
            "associationName documentVersion scheduleExpression maxConcurrency maxErrors "
            "complianceSeverity applyOnlyAtCronInterval parameters targets outputLocation "
            "waitForSuccessTimeoutSeconds"
        ),
        tag=shelve_tags,
        named="name",
        replaces="name",
    ),
    "aws:ec2/placementGroup:PlacementGroup": shelved(
        "ec2",
        "CreatePlacementGroup",
        request=_placement,
        id_of=lambda cloud, inputs: str(inputs["name"]),
        told=_tell_group,
        tag=shelve_tags,
        required="strategy",
        named="name",
        replaces="name strategy partitionCount spreadLevel",
        judges=(one_of("strategy", "cluster", "partition", "spread"),),
    ),
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": shelved(
        "dlm",
        "CreateLifecyclePolicy",
        request=_snapshot_life,
        id_of=_new_id,
        told=lambda cloud, id_, known: {"arn": cloud.arn("dlm", f"policy/{id_}")},
        changes="description state executionRoleArn policyDetails",
        tag=shelve_tags,
        required="description executionRoleArn policyDetails",
    ),
}
