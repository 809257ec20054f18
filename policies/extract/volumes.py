"""Volumes, and what volumes are made by; of Kafka's own, the zone that the node stands in."""

import re

from policies.extract.claim import Extractor, of_kind, of_type
from policies.extract.machines import NODE_TAG
from policies.reading import Part
from policies.said import Said
from policies.view import Place, View, Volume

#: The one maker of volumes of which it is known that it must be told to encrypt them.
_EBS = "ebs.csi.aws.com"
_NODE = re.compile(r"^(?P<role>broker|controller)-\d+$")


def _volume(whole: Part) -> View:
    tag = whole.part("tags", NODE_TAG)
    node, volume = tag.said(), Volume(whole.urn, whole.part("encrypted").said())
    if node.absent or node.unknown:
        return View(volumes=(volume,))
    matched = _NODE.match(node.text or "")
    if matched is None:
        tag.refuse("the name of a node: broker-1, controller-101")
        return View(volumes=(volume,))
    place = Place(
        urn=whole.urn,
        cluster="",
        node=matched[0],
        roles=frozenset({matched["role"]}),
        zone=whole.part("availabilityZone").required(),
        count=Said(whole.urn, "", 1.0),
    )
    return View(volumes=(volume,), places=(place,))


def _class(whole: Part) -> View:
    if whole.part("provisioner").said().text != _EBS:
        return View()
    return View(volumes=(Volume(whole.urn, whole.part("parameters", "encrypted").said()),))


EXTRACTORS = (
    Extractor(of_type("aws:ebs/volume:Volume"), _volume),
    Extractor(of_kind("StorageClass", "storage.k8s.io"), _class),
)
