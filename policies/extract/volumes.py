"""Volumes, and what volumes are made by; of Kafka's own, the zone that the node stands in."""

from blueprint.labels import NODE_TAG
from policies.extract.claim import Extractor, of_kind, of_type
from policies.extract.machines import named_node
from policies.reading import Part
from policies.resource import UNKNOWN
from policies.said import Said
from policies.view import Place, View, Volume

#: The one maker of volumes of which it is known that it must be told to encrypt them.
_EBS = "ebs.csi.aws.com"


def _volume(whole: Part) -> View:
    tag = whole.part("tags", NODE_TAG)
    node, volume = tag.said(), Volume(whole.urn, whole.part("encrypted").said())
    if node.absent:
        return View(volumes=(volume,))
    matched = named_node(tag)
    place = Place(
        urn=whole.urn,
        cluster=Said(whole.urn, "tags", None),
        node=matched[0] if matched else "",
        roles=frozenset({matched["role"]}) if matched else UNKNOWN,
        zone=whole.part("availabilityZone").word(),
        count=Said(whole.urn, "", 1.0),
    )
    return View(volumes=(volume,), places=(place,))


def _class(whole: Part) -> View:
    if whole.part("provisioner").word().text != _EBS:
        return View()
    return View(volumes=(Volume(whole.urn, whole.part("parameters", "encrypted").said()),))


EXTRACTORS = (
    Extractor(of_type("aws:ebs/volume:Volume"), _volume),
    Extractor(of_kind("StorageClass", "storage.k8s.io"), _class),
)
