"""Whatever shape a resource has: no crash, and nothing that claims to be Kafka's passes unread."""

from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.extract import view_of
from policies.resource import UNKNOWN, Resource, Secret
from tests.policies.judging import Neighbours, reported
from tests.policies.mutation import GONE, changed_at, places, value_at
from tests.policies.stacks import AWS, KUBERNETES, LOCAL, STACKS, shipped
from tests.policies.test_unknowns import one_of_each

_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=20),
    st.just(UNKNOWN),
    st.text(max_size=5).map(Secret),
)
_JUNK = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
#: Of each kind what is of another one: no coercion makes a setting of it.
_OF_ANOTHER_KIND = {
    dict: ("junk", 17.0, ["junk"]),
    list: ("junk", 17.0, {"junk": 1.0}),
    str: (["junk"], {"junk": 1.0}),
    float: (["junk"], {"junk": 1.0}),
    bool: (["junk"], {"junk": 1.0}),
}


@cache
def _neighbours(stack: str) -> Neighbours:
    return Neighbours(shipped(stack))


@given(data=st.data())
@settings(max_examples=150)
def test_junk_anywhere_crashes_nothing(data: st.DataObject) -> None:
    """In the place of any value of any resource of a compliant stack."""
    neighbours = _neighbours(data.draw(st.sampled_from(STACKS)))
    index = data.draw(st.sampled_from(one_of_each(neighbours.resources)))
    original = neighbours.resources[index]
    path = data.draw(st.sampled_from(list(places(original.properties))))
    junk = data.draw(st.one_of(_JUNK, st.just(GONE)))
    neighbours.with_other(
        index, replace(original, properties=changed_at(original.properties, path, junk))
    )


@given(
    type_=st.sampled_from(
        sorted({one.type for stack in (LOCAL, AWS, KUBERNETES) for one in shipped(stack)})
    ),
    properties=st.dictionaries(
        st.sampled_from(["spec", "kind", "apiVersion", "metadata", "value", "name", "data"]),
        _JUNK,
        max_size=5,
    ),
)
@settings(max_examples=150)
def test_a_resource_of_junk_alone_crashes_nothing(
    type_: str, properties: dict[str, object]
) -> None:
    """Of every type that is read, with properties that nobody has seen before."""
    reported([Resource("urn:junk", type_, "junk", properties)])


def test_what_has_a_wrong_shape_never_passes() -> None:
    """Wherever a value of another kind changes what is seen, some rule reports it."""
    for stack in STACKS:
        neighbours = _neighbours(stack)
        for index in one_of_each(neighbours.resources):
            original = neighbours.resources[index]
            for path in places(original.properties):
                was = value_at(original.properties, path)
                for junk in _OF_ANOTHER_KIND.get(type(was), ()):
                    other = replace(
                        original, properties=changed_at(original.properties, path, junk)
                    )
                    seen, found = neighbours.with_other(index, other)
                    unchanged = seen == neighbours.views[index]
                    assert found or unchanged, f"{original.urn}: {path} is {junk}"


def test_empty_resources_that_claim_to_be_kafkas_are_reported() -> None:
    """A type, or a kind and an API group, and nothing else."""
    claims: list[tuple[str, dict[str, object]]] = [
        ("kubernetes:kafka.strimzi.io/v1:Kafka", {}),
        ("kubernetes:yaml:Anything", {"kind": "Kafka", "apiVersion": "kafka.strimzi.io/v1beta2"}),
        ("kubernetes:kafka.strimzi.io/v1:KafkaNodePool", {}),
        ("kubernetes:kafka.strimzi.io/v1:KafkaTopic", {}),
        ("kubernetes:kafka.strimzi.io/v1:KafkaUser", {}),
        ("pulumi-python:dynamic/quorate:Topic", {}),
        ("pulumi-python:dynamic/quorate:Lab", {}),
        ("pulumi-python:dynamic/quorate:ClientQuota", {}),
        ("aws:ssm/parameter:Parameter", {"name": "/quorate/aws/broker-1/server.properties"}),
        ("aws:ec2/instance:Instance", {"tags": {"quorate:node": "broker-1"}}),
        (
            "kubernetes:apps/v1:Deployment",
            {"metadata": {"labels": {"quorate.io/fleet": "billing"}}},
        ),
    ]
    for type_, properties in claims:
        view = view_of([Resource("urn:empty", type_, "empty", properties)])
        assert view.unreadable, type_
