"""Least privilege, as a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.access import (
    ADMIN,
    NODE,
    RESERVED_PREFIX,
    SUITE,
    Access,
    Operation,
    Pattern,
    Principal,
    Resource,
    fleet_accesses,
    lag_accesses,
    name_problems,
    suite_accesses,
)
from blueprint.problem import BadInput
from blueprint.strimzi_names import StrimziNames
from blueprint.topology import three_zones
from components.aws_fleets import GAME_DAY
from components.kubernetes_platform import CLUSTER

TOPICS = st.sets(st.sampled_from(["orders", "payments", "audit"]))


@given(TOPICS, TOPICS)
def test_a_fleet_has_its_topics_and_its_group_and_nothing_else(
    reads: set[str], writes: set[str]
) -> None:
    """By whole names; a group only for who reads; no topic made, altered or deleted."""
    given_to = fleet_accesses("billing", reads, writes, "billing-group")
    who, literal = Principal("billing"), Pattern.LITERAL
    expected = {Access(who, Resource.TOPIC, t, literal, (Operation.READ,)) for t in reads}
    expected |= {Access(who, Resource.TOPIC, t, literal, (Operation.WRITE,)) for t in writes}
    if reads:
        expected.add(Access(who, Resource.GROUP, "billing-group", literal, (Operation.READ,)))
    assert set(given_to) == expected
    assert len(given_to) == len(expected)


def test_a_group_is_named_after_its_fleet_unless_it_says_otherwise() -> None:
    """The fleet's name."""
    groups = [a.name for a in fleet_accesses("billing", ["t"], []) if a.resource is Resource.GROUP]
    assert groups == ["billing"]


def test_a_fleet_that_catches_up_reads_and_writes_what_it_puts_off() -> None:
    """And its replay has a group; both beside what every fleet has."""
    plain = set(fleet_accesses("billing", ["t"], []))
    more = set(fleet_accesses("billing", ["t"], [], deferred="billing-deferred")) - plain
    assert {(one.resource, one.name, one.operations) for one in more} == {
        (Resource.TOPIC, "billing-deferred", (Operation.READ, Operation.WRITE)),
        (Resource.GROUP, "billing-replay", (Operation.READ,)),
    }


@pytest.mark.parametrize("principal", [ADMIN, NODE, SUITE])
def test_nobody_is_given_the_platforms_own_names(principal: Principal) -> None:
    """A fleet of such a name would be an administrator."""
    assert principal.name.startswith(RESERVED_PREFIX)
    with pytest.raises(BadInput, match=RESERVED_PREFIX):
        fleet_accesses(principal.name, ["t"], [])


@pytest.mark.parametrize("name", ["", "a b", "-a", "a,OU=quorate-nodes", "a;User:b", "x" * 64])
def test_a_name_is_one_that_a_certificate_and_a_rule_can_carry(name: str) -> None:
    """Nothing that would be read as the end of a name."""
    assert name_problems(name)


def test_who_says_the_lag_sees_offsets_and_reads_no_record() -> None:
    """Of the groups and topics that he is told, each once."""
    found = lag_accesses(["billing", "mail"], ["orders", "orders"])
    assert {(one.resource, one.name) for one in found} == {
        (Resource.TOPIC, "orders"),
        (Resource.GROUP, "billing"),
        (Resource.GROUP, "mail"),
    }
    assert {one.operations for one in found} == {(Operation.DESCRIBE,)}


def test_the_suite_works_on_topics_and_groups_of_its_own() -> None:
    """Beyond them it watches the cluster and elects leaders."""
    given_to = suite_accesses()
    assert {access.principal for access in given_to} == {SUITE}
    for access in given_to:
        if access.resource is Resource.CLUSTER:
            assert set(access.operations) == {Operation.ALTER, Operation.DESCRIBE}
        else:
            assert (access.name, access.pattern) == (RESERVED_PREFIX, Pattern.PREFIXED)


@pytest.mark.parametrize(
    "name",
    ["kafka", "kafka-cluster-ca", "kafka-toxiproxy-a", "game-day", "game-day-outputs", "default"],
)
def test_a_name_that_an_object_of_the_platforms_has_is_nobody_elses(name: str) -> None:
    """A user's secret of that name would take the place of the cluster's own."""
    (problem,) = name_problems(name, "clients.0.name")
    assert problem.path == "clients.0.name"
    assert "kafka-*" in problem.legal


@pytest.mark.parametrize("name", ["kafkaesque", "gameday", "defaulter", "billing-kafka"])
def test_a_name_that_only_looks_like_one_is_free(name: str) -> None:
    """The dash decides."""
    assert name_problems(name) == []


def test_the_reserved_names_are_those_that_the_components_give() -> None:
    """Of the cluster, its authority, its proxies and its game day."""
    names = StrimziNames(CLUSTER, "quorate")
    topology = three_zones(1)
    given_names = [
        names.cluster,
        names.pods,
        names.authority_secret,
        GAME_DAY,
        *(names.toxiproxy(zone) for zone in topology.zones),
        *(names.pod(node) for node in topology.nodes),
    ]
    assert [name for name in given_names if not name_problems(name)] == []
