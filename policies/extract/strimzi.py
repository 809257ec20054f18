"""Strimzi's Kafka."""

from policies.extract.claim import Extractor, of_kind
from policies.reading import Part
from policies.view import KafkaSettings, View

GROUP = "kafka.strimzi.io"
#: One resource has the settings of brokers and controllers alike.
_BOTH = frozenset({"broker", "controller"})


def _kafka(whole: Part) -> View:
    kafka = whole.part("spec", "kafka")
    if kafka.absent:
        kafka.refuse("a cluster's settings")
    settings = KafkaSettings(
        urn=whole.urn,
        roles=_BOTH,
        settings=kafka.part("config").settings(),
        rack=kafka.part("rack", "topologyKey").said(),
    )
    return View(kafka=(settings,))


EXTRACTORS = (Extractor(of_kind("Kafka", GROUP), _kafka),)
