"""The cluster on this machine: what its resource asks for is rendered as the lab renders it."""

from collections.abc import Mapping
from typing import TypeVar

from blueprint.broker_settings import BrokerSettings, listener_names, server_properties
from blueprint.failover_profile import PROFILES
from blueprint.listeners import ClusterAddresses, Endpoint, NodeAddresses, Ports
from blueprint.problem import BadInput
from blueprint.security import Security
from blueprint.topology import Node, Topology, three_zones
from policies.extract.claim import Extractor, of_dynamic
from policies.extract.parameters import listeners_of
from policies.reading import Part
from policies.resource import UNKNOWN
from policies.said import Said, Settings
from policies.view import KafkaSettings, Place, View

Chosen = TypeVar("Chosen")
#: It stands in for three zones and has no other form.
_TOPOLOGY = three_zones()
_WITHIN = "broker_overrides"


def _lab(whole: Part) -> View:
    settings = _asked(whole)
    first = (_TOPOLOGY.brokers[0], _TOPOLOGY.controllers[0])
    return View(
        kafka=tuple(_of_node(whole, settings, node) for node in first),
        places=tuple(_place(whole, node) for node in _TOPOLOGY.nodes),
    )


def _place(whole: Part, node: Node) -> Place:
    return Place(
        urn=whole.urn,
        cluster=Said(whole.urn, "cluster", None),
        node=node.name,
        roles=frozenset({node.role.value}),
        zone=Said(whole.urn, "zone", node.zone),
        count=Said(whole.urn, "count", 1.0),
    )


def _asked(whole: Part) -> BrokerSettings | None:
    """What is asked for, or None while it is not known or where it could not be read."""
    profile, security = whole.part("profile"), whole.part("security")
    profiles, forms = PROFILES, {one.value: one for one in Security}
    chosen = _one_of(profile, profiles)
    form = forms.get("plaintext") if security.absent else _one_of(security, forms)
    overrides = {name: one.said() for name, one in whole.part(_WITHIN).items()}
    if whole.part(_WITHIN).unknown or any(one.unknown for one in overrides.values()):
        return None
    if chosen is None or form is None:
        return None
    return BrokerSettings(
        chosen, overrides={name: one.text or "" for name, one in overrides.items()}, security=form
    )


def _one_of(said: Part, legal: Mapping[str, Chosen]) -> Chosen | None:
    if said.unknown:
        return None
    found = legal.get(said.value) if isinstance(said.value, str) else None
    if found is None:
        said.refuse(f"one of {', '.join(legal)}")
    return found


def _of_node(whole: Part, asked: BrokerSettings | None, node: Node) -> KafkaSettings:
    settings = Settings(whole.urn, _WITHIN, UNKNOWN)
    if asked is not None:
        settings = Settings(whole.urn, _WITHIN, _rendered(whole, asked, node))
    return KafkaSettings(
        urn=whole.urn,
        node=node.name,
        roles=frozenset({node.role.value}),
        settings=settings,
        rack=settings.said("broker.rack"),
        listeners=listeners_of(settings),
        here=True,
    )


def _rendered(whole: Part, asked: BrokerSettings, node: Node) -> dict[str, Said]:
    try:
        rendered = server_properties(_TOPOLOGY, node, _addresses(_TOPOLOGY), asked, "data")
    except BadInput:
        whole.part(_WITHIN).refuse("settings of Kafka that contradict nothing")
        return {}
    asked_for = whole.part(_WITHIN)
    return {
        # What the profile says is no secret, and what is asked for may be.
        name: Said(whole.urn, f"{_WITHIN}: {name}", value, asked_for.part(name).hidden)
        for name, value in rendered.items()
    }


def _addresses(topology: Topology) -> ClusterAddresses:
    """All on this machine; which ports is the lab's to say."""
    ports = Ports()
    nodes = {
        node.id: NodeAddresses(
            "127.0.0.1",
            {
                name: Endpoint("127.0.0.1", ports.of(name))
                for name in listener_names(topology, node)
            },
        )
        for node in topology.nodes
    }
    quorum = tuple(Endpoint("127.0.0.1", ports.controller) for _ in topology.controllers)
    return ClusterAddresses(ports, nodes, quorum)


EXTRACTORS = (Extractor(of_dynamic("quorate:Lab"), _lab),)
