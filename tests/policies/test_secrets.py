"""What lies in a secret is judged like everything else, and never said."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from policies.resource import Resource, Secret
from tests.policies.broken import MUTATIONS
from tests.policies.judging import reported, violations
from tests.policies.mutation import Mutation
from tests.policies.stacks import STACKS, shipped

#: Shorter texts, such as "1", are in every message.
_LEAST_LENGTH = 4
#: Words of the messages themselves.
_WORDS = {"false", "none", "true"}
#: By which an object says what it is; nothing that holds a secret says it in one.
_PUBLIC = ("apiVersion", "kind", "metadata", "name", "tags", "provisioner", "type")


@pytest.mark.parametrize("stack", STACKS)
def test_a_compliant_stack_whose_every_value_is_secret_is_compliant(stack: str) -> None:
    """To be secret is no violation."""
    assert not reported([_hidden(one) for one in shipped(stack)])


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{one.rule}-{one.stack}-{i}" for i, one in enumerate(MUTATIONS)]
)
def test_what_is_broken_in_a_secret_is_reported_and_not_repeated(mutation: Mutation) -> None:
    """The same rule reports, and no text of a message is a text that was secret."""
    broken = mutation.change(shipped(mutation.stack))
    found = list(violations([_hidden(one) for one in broken]))
    assert {rule.name for rule, _ in found} == {mutation.rule}
    changed = [one for one in broken if one not in shipped(mutation.stack)]
    secrets = {text for one in changed for text in _texts(one.properties)}
    for _, violation in found:
        said = violation.found.split()
        assert not (secrets - _WORDS) & set(said), violation


def _hidden(resource: Resource) -> Resource:
    return replace(
        resource,
        properties={
            name: value if name in _PUBLIC else _sealed(value)
            for name, value in resource.properties.items()
        },
    )


def _sealed(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sealed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_sealed(one) for one in value]
    return value if isinstance(value, Secret) or value is None else Secret(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _texts(value.value)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in _PUBLIC:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and len(value) >= _LEAST_LENGTH:
        yield value
        yield f"'{value}'"
