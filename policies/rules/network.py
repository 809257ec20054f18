"""Who gets in, and what he could read on the way."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from policies.resource import Unknown
from policies.rule import Rule
from policies.rules.wanted import exactly, not_as_wanted, one_of, there
from policies.view import View
from policies.violation import Violation

FAMILY = "network"
_TLS = ("ssl", "sasl_ssl", "true")
#: Addresses that no router of the internet's passes on (RFC 1918, 6598, 4193, 3927 and loopback).
_PRIVATE = tuple(
    ip_network(one)
    for one in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
_NO_LAB = "the lab's network is this machine alone"


def _listeners(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.here or isinstance(kafka.listeners, Unknown):
            continue
        for listener in kafka.listeners:
            yield from one_of(listener.secured, _TLS, default="false")


def _ingress(view: View) -> Iterator[Violation]:
    for network in view.networks:
        said = network.source
        if said.unknown:
            continue
        if network.closed_at is not None:
            found = (network.default if said.absent else said.text or "").lower()
            if found not in network.closed_at:
                required = " or ".join(sorted(network.closed_at)) or "nothing of the kind"
                yield not_as_wanted(said, required, network.default)
        elif not _private(said.text or ""):
            yield not_as_wanted(said, "a private network: RFC 1918, 6598 or 4193")


def _private(text: str) -> bool:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    return any(_inside(network, one) for one in _PRIVATE)


def _inside(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and network.subnet_of(other)
    return isinstance(other, IPv6Network) and network.subnet_of(other)


def _encrypted(view: View) -> Iterator[Violation]:
    for volume in view.volumes:
        yield from exactly(volume.encrypted, "true", default="false")


def _tokens(view: View) -> Iterator[Violation]:
    for machine in view.machines:
        yield from exactly(machine.token, "required", default="optional")


def _rights(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.here:
            continue
        if kafka.authorization is not None:
            yield from there(kafka.authorization, "simple: nothing is allowed that no rule allows")
            continue
        yield from there(kafka.settings.said("authorizer.class.name"), "an authorizer")
        everyone = kafka.settings.said("allow.everyone.if.no.acl.found")
        yield from exactly(everyone, "false", default="false")


RULES = (
    Rule(
        name="no-plaintext-listener",
        family=FAMILY,
        why="Whoever is on the way reads every record and every password.",
        judge=_listeners,
        no_experiment="it is about who may read, not about what is lost",
    ),
    Rule(
        name="no-public-ingress",
        family=FAMILY,
        why="A broker that the internet reaches is asked by the internet.",
        judge=_ingress,
        no_experiment=_NO_LAB,
    ),
    Rule(
        name="rights-asked-for",
        family=FAMILY,
        why="Without an authorizer any client may read, write and delete any topic.",
        judge=_rights,
        no_experiment="it is about who may; tests/cluster/test_secure.py shows who is refused",
    ),
    Rule(
        name="volumes-encrypted",
        family=FAMILY,
        why="A volume outlives its machine, and a copy of it every record on it.",
        judge=_encrypted,
        no_experiment="it is about who may read, not about what is lost",
    ),
    Rule(
        name="instance-metadata-v2",
        family=FAMILY,
        why="Whoever makes a host ask a URL gets the host's own rights without a token.",
        judge=_tokens,
        no_experiment=_NO_LAB,
    ),
)
