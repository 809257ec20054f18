"""Topics on Kubernetes: a KafkaTopic each, and before all the promise that it loses nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint.labels import CLUSTER_LABEL
from blueprint.strimzi_names import StrimziNames
from blueprint.topics import TopicSpec
from components.strimzi_cluster import API
from components.topic_promise import TopicPromise


@dataclass(frozen=True, slots=True)
class KafkaTopicsArgs:
    """Every topic of a cluster."""

    topics: Sequence[TopicSpec]
    names: StrimziNames


class KafkaTopics(pulumi.ComponentResource):
    """What is declared; that a change of it loses nothing is ``promised`` before.

    Attributes:
        topics: One resource for each, by the topic's name.
    """

    topics: Mapping[str, CustomResource]

    def __init__(
        self, name: str, args: KafkaTopicsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them; the topic operator makes, grows and alters them."""
        super().__init__("quorate:kubernetes:KafkaTopics", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.topics = {topic.name: _topic(args.names, topic, child) for topic in args.topics}
        self.register_outputs({"topics": sorted(self.topics)})


def promised(topics: Sequence[TopicSpec], opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """What everything else is to depend on: a promise that would be broken stops every change."""
    return [TopicPromise(f"promise-{topic.name}", topic, opts) for topic in topics]


def _topic(names: StrimziNames, topic: TopicSpec, opts: pulumi.ResourceOptions) -> CustomResource:
    return CustomResource(
        f"topic-{topic.name}",
        api_version=API,
        kind="KafkaTopic",
        metadata=ObjectMetaArgs(
            name=topic.name,
            namespace=names.namespace,
            labels={CLUSTER_LABEL: names.cluster},
            annotations={"pulumi.com/waitFor": "condition=Ready"},
        ),
        spec={
            "partitions": topic.partitions,
            "replicas": topic.replication_factor,
            "config": dict(topic.config),
        },
        opts=opts,
    )
