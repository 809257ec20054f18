"""What watches and tells: logs, alarms, events, topics."""

from collections.abc import Mapping

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, nothing
from tests.engine.aws_provider.names import Values, pick, tag_list
from tests.engine.aws_provider.rules import shaped

_RETENTION = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _make_log(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, "kmsKeyId logGroupClass")
    arguments = {name[:1].lower() + name[1:]: value for name, value in arguments.items()}
    cloud("logs").create_log_group(logGroupName=inputs["name"], **arguments)
    _change_retention(cloud, inputs["name"], {}, inputs)
    return str(inputs["name"])


def _change_log_key(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if new.get("kmsKeyId"):
        cloud("logs").associate_kms_key(logGroupName=id_, kmsKeyId=new["kmsKeyId"])
    else:
        cloud("logs").disassociate_kms_key(logGroupName=id_)


def _change_retention(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    if new.get("retentionInDays"):
        days = new["retentionInDays"]
        cloud("logs").put_retention_policy(logGroupName=id_, retentionInDays=days)
    elif old.get("retentionInDays"):
        cloud("logs").delete_retention_policy(logGroupName=id_)


def _read_log(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("logs").describe_log_groups(logGroupNamePrefix=id_)["logGroups"]
    same = [one for one in found if one["logGroupName"] == id_]
    return {"arn": same[0]["arn"].removesuffix(":*")} if same else None


def _delete_log(cloud: Cloud, id_: str, known: Values) -> None:
    if not known.get("skipDestroy"):
        cloud("logs").delete_log_group(logGroupName=id_)


def _tag_log(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    arn = cloud.arn("logs", f"log-group:{id_}")
    if removed:
        cloud("logs").untag_resource(resourceArn=arn, tagKeys=removed)
    if tags:
        cloud("logs").tag_resource(resourceArn=arn, tags=dict(tags))


def _tag_by_arn(
    cloud: Cloud, service: str, arn: str, tags: Mapping[str, str], removed: list[str]
) -> None:
    by = "ResourceArn" if service == "sns" else "ResourceARN"
    if removed:
        cloud(service).untag_resource(**{by: arn, "TagKeys": removed})
    if tags:
        cloud(service).tag_resource(**{by: arn, "Tags": tag_list(tags)})


def _judge_retention(inputs: Values) -> list[tuple[str, str]]:
    days = inputs.get("retentionInDays", 0)
    if isinstance(days, int) and days not in _RETENTION:
        return [("retentionInDays", f"expected one of {_RETENTION}; got {days}")]
    return []


_ALARM = (
    "comparisonOperator evaluationPeriods threshold namespace metricName period statistic unit "
    "extendedStatistic dimensions alarmDescription alarmActions okActions treatMissingData "
    "datapointsToAlarm insufficientDataActions actionsEnabled"
)


def _put_alarm(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    arguments = pick(new, _ALARM)
    arguments.pop("OkActions", None)
    if "okActions" in new:
        arguments["OKActions"] = new["okActions"]
    dimensions = new.get("dimensions", {})
    arguments["Dimensions"] = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    cloud("cloudwatch").put_metric_alarm(AlarmName=new["name"], **arguments)


def _make_alarm(cloud: Cloud, inputs: Values) -> str:
    _put_alarm(cloud, "", {}, inputs)
    return str(inputs["name"])


def _read_alarm(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("cloudwatch").describe_alarms(AlarmNames=[id_])["MetricAlarms"]
    return {"arn": found[0]["AlarmArn"]} if found else None


def _delete_alarm(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("cloudwatch").delete_alarms(AlarmNames=[id_])


def _tag_alarm(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    arn = cloud.arn("cloudwatch", f"alarm:{id_}")
    _tag_by_arn(cloud, "cloudwatch", arn, tags, removed)


_RULE = "description scheduleExpression eventPattern state roleArn"


def _put_rule(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("events").put_rule(Name=new["name"], **pick(new, _RULE))


def _make_rule(cloud: Cloud, inputs: Values) -> str:
    _put_rule(cloud, "", {}, inputs)
    return str(inputs["name"])


def _read_rule(cloud: Cloud, id_: str, known: Values) -> Values | None:
    return {"arn": cloud("events").describe_rule(Name=id_)["Arn"]}


def _delete_rule(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("events").delete_rule(Name=id_)


def _tag_rule(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    arn = cloud("events").describe_rule(Name=id_)["Arn"]
    _tag_by_arn(cloud, "events", arn, tags, removed)


def _put_target(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    target = {"Id": new["targetId"], **pick(new, "arn roleArn input")}
    cloud("events").put_targets(Rule=new["rule"], Targets=[target])


def _make_target(cloud: Cloud, inputs: Values) -> str:
    _put_target(cloud, "", {}, inputs)
    return f"{inputs['rule']}-{inputs['targetId']}"


def _read_target(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("events").list_targets_by_rule(Rule=known["rule"])["Targets"]
    return {} if known["targetId"] in [one["Id"] for one in found] else None


def _delete_target(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("events").remove_targets(Rule=known["rule"], Ids=[known["targetId"]])


def _make_topic(cloud: Cloud, inputs: Values) -> str:
    attributes = {"KmsMasterKeyId": inputs["kmsMasterKeyId"]} if "kmsMasterKeyId" in inputs else {}
    return str(cloud("sns").create_topic(Name=inputs["name"], Attributes=attributes)["TopicArn"])


def _read_topic(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = cloud("sns").get_topic_attributes(TopicArn=id_)["Attributes"]
    return {"arn": id_, "owner": found["Owner"]}


def _change_topic_key(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("sns").set_topic_attributes(
        TopicArn=id_,
        AttributeName="KmsMasterKeyId",
        AttributeValue=new.get("kmsMasterKeyId", ""),
    )


def _delete_topic(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("sns").delete_topic(TopicArn=id_)


def _tag_topic(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    _tag_by_arn(cloud, "sns", id_, tags, removed)


def _subscribe(cloud: Cloud, inputs: Values) -> str:
    asked = {"TopicArn": inputs["topic"], **pick(inputs, "protocol endpoint")}
    return str(cloud("sns").subscribe(ReturnSubscriptionArn=True, **asked)["SubscriptionArn"])


def _read_subscription(cloud: Cloud, id_: str, known: Values) -> Values | None:
    cloud("sns").get_subscription_attributes(SubscriptionArn=id_)
    return {"arn": id_}


def _unsubscribe(cloud: Cloud, id_: str, known: Values) -> None:
    cloud("sns").unsubscribe(SubscriptionArn=id_)


WATCHING = {
    "aws:cloudwatch/logGroup:LogGroup": Entry(
        create=_make_log,
        read=_read_log,
        delete=_delete_log,
        tag=_tag_log,
        named="name",
        longest_name=512,
        replaces="name logGroupClass",
        updates={
            "retentionInDays": _change_retention,
            "kmsKeyId": _change_log_key,
            "skipDestroy": nothing,
        },
        judges=(shaped("name", r"[A-Za-z0-9_/.#-]+", 512), _judge_retention),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Entry(
        create=_make_alarm,
        read=_read_alarm,
        delete=_delete_alarm,
        tag=_tag_alarm,
        required="comparisonOperator evaluationPeriods",
        named="name",
        replaces="name",
        updates={_ALARM: _put_alarm},
    ),
    "aws:cloudwatch/eventRule:EventRule": Entry(
        create=_make_rule,
        read=_read_rule,
        delete=_delete_rule,
        tag=_tag_rule,
        named="name",
        longest_name=64,
        replaces="name",
        updates={_RULE: _put_rule},
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Entry(
        create=_make_target,
        read=_read_target,
        delete=_delete_target,
        required="rule arn",
        named="targetId",
        longest_name=64,
        replaces="rule targetId",
        updates={"arn roleArn input": _put_target},
    ),
    "aws:sns/topic:Topic": Entry(
        create=_make_topic,
        read=_read_topic,
        delete=_delete_topic,
        tag=_tag_topic,
        named="name",
        replaces="name fifoTopic",
        updates={"kmsMasterKeyId": _change_topic_key},
        judges=(shaped("name", r"[A-Za-z0-9_-]+(\.fifo)?", 256),),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Entry(
        create=_subscribe,
        read=_read_subscription,
        delete=_unsubscribe,
        required="topic protocol endpoint",
        replaces="topic protocol endpoint",
    ),
}
