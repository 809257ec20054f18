"""Topics: our own resource's, and Strimzi's KafkaTopic."""

from policies.extract.claim import Extractor, of_dynamic, of_kind
from policies.extract.strimzi import GROUP
from policies.reading import Part
from policies.view import TopicSettings, View


def _own(whole: Part) -> View:
    return View(
        topics=(
            TopicSettings(
                urn=whole.urn,
                name=whole.part("topic").required(),
                partitions=whole.part("partitions").required(),
                replicas=whole.part("replication_factor").required(),
                settings=whole.part("config").settings(),
            ),
        )
    )


def _strimzis(whole: Part) -> View:
    spec = whole.part("spec")
    named = spec.part("topicName")
    return View(
        topics=(
            TopicSettings(
                urn=whole.urn,
                name=(whole.part("metadata", "name") if named.absent else named).said(),
                partitions=spec.part("partitions").required(),
                replicas=spec.part("replicas").required(),
                settings=spec.part("config").settings(),
            ),
        )
    )


EXTRACTORS = (
    Extractor(of_dynamic("quorate:Topic"), _own),
    Extractor(of_kind("KafkaTopic", GROUP), _strimzis),
)
