"""Topics on Kubernetes: a KafkaTopic each, and before it the promise that it loses nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint.strimzi_names import StrimziNames
from blueprint.topics import TopicSpec
from components.strimzi_cluster import API, CLUSTER_LABEL
from components.topic_promise import TopicPromise


@dataclass(frozen=True, slots=True)
class KafkaTopicsArgs:
    """Every topic of a cluster."""

    topics: Sequence[TopicSpec]
    names: StrimziNames


class KafkaTopics(pulumi.ComponentResource):
    """A change that would shrink a topic or lower its min.isr is refused before any is made.

    Attributes:
        topics: One resource for each, by the topic's name.
    """

    topics: Mapping[str, CustomResource]

    def __init__(
        self, name: str, args: KafkaTopicsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them; the topic operator makes, grows and alters them."""
        super().__init__("quorate:kubernetes:KafkaTopics", name, {}, opts)
        # The promises come first, and all of them: one that is broken stops every change.
        promises = [
            TopicPromise(f"promise-{topic.name}", topic, pulumi.ResourceOptions(parent=self))
            for topic in args.topics
        ]
        opts = pulumi.ResourceOptions(parent=self, depends_on=promises)
        self.topics = {topic.name: _topic(args.names, topic, opts) for topic in args.topics}
        self.register_outputs({"topics": sorted(self.topics)})


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
