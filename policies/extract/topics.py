"""Topics: our own resource's, Strimzi's KafkaTopic, and the promises beside it."""

from policies.extract.claim import Extractor, of_dynamic, of_kind
from policies.extract.strimzi import GROUP
from policies.reading import Part
from policies.view import TopicPromise, TopicSettings, View


def _own(whole: Part) -> View:
    topic = TopicSettings(
        urn=whole.urn,
        name=whole.part("topic").word(),
        partitions=whole.part("partitions").required(),
        replicas=whole.part("replication_factor").required(),
        settings=whole.part("config").settings(),
        guarded=True,
    )
    return View(topics=(topic,))


def _strimzis(whole: Part) -> View:
    spec = whole.part("spec")
    if spec.absent:
        spec.refuse("partitions, replicas and config")
    named = spec.part("topicName")
    topic = TopicSettings(
        urn=whole.urn,
        name=(whole.part("metadata", "name") if named.absent else named).word(),
        partitions=spec.part("partitions").required(),
        replicas=spec.part("replicas").required(),
        settings=spec.part("config").settings(),
        guarded=False,
    )
    return View(topics=(topic,))


def _promise(whole: Part) -> View:
    name, partitions = whole.part("topic").word(), whole.part("partitions").required()
    return View(promises=(TopicPromise(whole.urn, name, partitions),))


def _kept(whole: Part) -> View:
    brokers = whole.part("brokers")
    if not brokers.parts() and not brokers.unknown:
        brokers.refuse("the ids of brokers")
    return View(kept=(whole.urn,))


EXTRACTORS = (
    Extractor(of_dynamic("quorate:Topic"), _own),
    Extractor(of_kind("KafkaTopic", GROUP), _strimzis),
    Extractor(of_dynamic("quorate:TopicPromise"), _promise),
    Extractor(of_dynamic("quorate:BrokersKept"), _kept),
)
