"""All rules on the shipped stacks, asked over the engine's protocol."""

import time
from collections.abc import Iterator
from itertools import cycle, islice

import pytest
from google.protobuf.struct_pb2 import Struct

from policies.extract import view_of
from policies.pack import Pack
from policies.resource import UNKNOWN, Resource, Secret
from policies.rules import RULES
from tests.engine.provider_protocol import values
from tests.policies.asking import TODAY, Asking, asking
from tests.policies.broken import MUTATIONS
from tests.policies.mutation import Mutation
from tests.policies.stacks import STACKS, shipped

#: The promise: seconds of a processor, of both sides of the protocol.
MOST_S, RESOURCES = 2.0, 500


@pytest.fixture
def asked() -> Iterator[Asking]:
    """The pack as it is shipped, on a day of the tests."""
    with asking(Pack(RULES, view_of, lambda: TODAY)) as one:
        one.configure_stack({})
        yield one


def told_of(asked: Asking, resources: tuple[Resource, ...]) -> list[str]:
    """The rules that tell anything, each resource by itself and then the whole."""
    told = [found for one in resources for found in asked.tell(one, sent(one))]
    told += asked.tell_all([(one, sent(one)) for one in resources])
    return [one.policyName for one in told]


def sent(resource: Resource) -> Struct:
    """A resource's properties as the engine sends them."""
    secrets: set[values.Path] = set()
    plain = {name: _open(one, (name,), secrets) for name, one in resource.properties.items()}
    return values.marshal(values.Properties(plain, frozenset(secrets)))


def _open(value: object, path: values.Path, secrets: set[values.Path]) -> object:
    if isinstance(value, Secret):
        secrets.add(path)
        return _open(value.value, path, secrets)
    if isinstance(value, dict):
        return {name: _open(one, (*path, name), secrets) for name, one in value.items()}
    if isinstance(value, list):
        return [_open(one, (*path, at), secrets) for at, one in enumerate(value)]
    return values.UNKNOWN if value is UNKNOWN else value


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_told_of_a_shipped_stack(stack: str, asked: Asking) -> None:
    """Through the decoder and back it complies as well."""
    assert told_of(asked, shipped(stack)) == []


@pytest.mark.parametrize("mutation", MUTATIONS[:: max(1, len(MUTATIONS) // 6)])
def test_what_is_broken_is_told_by_its_rule(mutation: Mutation, asked: Asking) -> None:
    """Once for each thing that is broken, and not again with the whole."""
    broken = mutation.change(shipped(mutation.stack))
    assert set(told_of(asked, broken)) == {mutation.rule}


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_told_of_what_is_not_known(stack: str, asked: Asking) -> None:
    """Every property unknown, as before the very first update: no crash and no violation."""
    for one in shipped(stack):
        unknown = values.Properties(dict.fromkeys(one.properties, values.UNKNOWN))
        assert list(asked.tell(one, values.marshal(unknown))) == []


@pytest.mark.parametrize("stack", STACKS)
def test_five_hundred_resources_take_two_seconds(stack: str, asked: Asking) -> None:
    """Of those of a shipped stack, by every rule."""
    those = [(one, sent(one)) for one in islice(cycle(shipped(stack)), RESOURCES)]
    began = time.process_time()
    for one, properties in those:
        asked.tell(one, properties)
    asked.tell_all(those)
    assert time.process_time() - began <= MOST_S
