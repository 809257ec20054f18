"""Strimzi's Kafka and its node pools."""

from collections.abc import Iterator

from blueprint.labels import CLUSTER_LABEL, ZONE_LABEL
from blueprint.strimzi import forbidden
from policies.extract.claim import Extractor, of_kind
from policies.reading import Part
from policies.resource import UNKNOWN, Unknown
from policies.said import Said, Settings
from policies.view import KafkaSettings, Listener, Network, Place, View

GROUP = "kafka.strimzi.io"
#: One resource has the settings of brokers and controllers alike.
_BOTH = frozenset({"broker", "controller"})
#: Of Strimzi's ways to be reached those that end within the cluster.
_WITHIN = frozenset({"cluster-ip", "internal"})


def _kafka(whole: Part) -> View:
    kafka = whole.part("spec", "kafka")
    if kafka.absent:
        kafka.refuse("a cluster's settings")
    listeners = kafka.part("listeners")
    found = tuple(_listener(one) for one in listeners.parts())
    if not found and not listeners.unknown:
        listeners.refuse("a listener")
    settings = KafkaSettings(
        urn=whole.urn,
        node="",
        roles=_BOTH,
        settings=_heard(kafka.part("config").settings()),
        rack=_text(kafka.part("rack", "topologyKey")),
        listeners=UNKNOWN if listeners.unknown else found,
        authorization=_text(kafka.part("authorization", "type")),
        disruption=kafka.part("template", "podDisruptionBudget", "maxUnavailable").said(),
    )
    outward = tuple(Network(whole.urn, one.form, _WITHIN) for one in found)
    peers = tuple(peer for one in listeners.parts() for peer in _peers(one))
    return View(kafka=(settings,), networks=outward + peers)


def _text(part: Part) -> Said:
    return part.said() if part.absent else part.word()


def _heard(settings: Settings) -> Settings:
    """Without what the operator drops: it is not in force."""
    if isinstance(settings.given, Unknown):
        return settings
    heard = {name: said for name, said in settings.given.items() if not forbidden(name)}
    return Settings(settings.urn, settings.within, heard)


def _listener(part: Part) -> Listener:
    return Listener(part.urn, part.part("tls").said(), part.part("type").word())


def _peers(listener: Part) -> Iterator[Network]:
    for peer in listener.part("networkPolicyPeers").parts():
        cidr = peer.part("ipBlock", "cidr").said()
        if not cidr.absent:
            yield Network(listener.urn, cidr)


def _pool(whole: Part) -> View:
    spec, name = whole.part("spec"), whole.part("metadata", "name").word()
    roles = spec.part("roles")
    said = tuple(one.said() for one in roles.parts())
    if not said and not roles.unknown:
        roles.refuse("broker, controller or both")
    place = Place(
        urn=whole.urn,
        cluster=whole.part("metadata", "labels", CLUSTER_LABEL).said(),
        node=name.text or "",
        roles=_roles(said, roles),
        zone=_zone(spec.part("template", "pod", "affinity")),
        count=spec.part("replicas").required(),
        kept=tuple(_kept(spec.part("storage"))),
    )
    return View(places=(place,))


def _roles(said: tuple[Said, ...], roles: Part) -> frozenset[str] | Unknown:
    if roles.unknown or not said or any(one.unknown for one in said):
        return UNKNOWN
    return frozenset(one.text or "" for one in said)


def _zone(affinity: Part) -> Said:
    """The one zone that a pool's nodes must stand in."""
    required = affinity.part("nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = required.part("nodeSelectorTerms")
    values = []
    for term in terms.parts():
        for expression in term.part("matchExpressions").parts():
            if expression.unknown or expression.part("key").unknown:
                return Said(terms.urn, terms.at, UNKNOWN)
            if expression.part("key").said().text == ZONE_LABEL:
                values += [one.word() for one in expression.part("values").parts()]
                if expression.part("values").unknown:
                    return expression.part("values").said()
        if term.part("matchExpressions").unknown:
            return term.part("matchExpressions").said()
    # Terms are alternatives: a pool of two zones stands in neither for certain.
    if len(values) == 1:
        return values[0]
    return terms.said() if terms.unknown else Said(terms.urn, terms.at, None)


def _kept(storage: Part) -> Iterator[Said]:
    """What says whether the records of a pool outlive its pods."""
    kind = storage.part("type").required()
    if kind.text != "jbod":
        yield kind
        yield storage.part("deleteClaim").said()
        return
    volumes = storage.part("volumes")
    if not volumes.parts() and not volumes.unknown:
        volumes.refuse("a volume")
    for volume in volumes.parts():
        yield volume.part("type").required()
        yield volume.part("deleteClaim").said()


EXTRACTORS = (
    Extractor(of_kind("Kafka", GROUP), _kafka),
    Extractor(of_kind("KafkaNodePool", GROUP), _pool),
)
