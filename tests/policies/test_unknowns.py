"""What is not known before the update is judged then, and crashes nothing meanwhile."""

from dataclasses import replace

import pytest

from policies.extract import EXTRACTORS, view_of
from policies.resource import UNKNOWN, Resource
from tests.policies.judging import Neighbours, reported
from tests.policies.mutation import changed_at, places
from tests.policies.stacks import STACKS, shipped


def one_of_each(resources: tuple[Resource, ...]) -> list[int]:
    """Where the first resource of each kind is that anything is read of."""
    first: dict[tuple[str, str], int] = {}
    for index, one in enumerate(resources):
        if any(extractor.claims(one) for extractor in EXTRACTORS):
            first.setdefault((one.type, one.name.rstrip("0123456789abc-")), index)
    return list(first.values())


@pytest.mark.parametrize("stack", STACKS)
def test_whatever_is_unknown_is_no_violation(stack: str) -> None:
    """Of each kind of resource each value is unknown once, and each that holds others."""
    neighbours = Neighbours(shipped(stack))
    for index in one_of_each(neighbours.resources):
        original = neighbours.resources[index]
        for path in places(original.properties):
            hazy = replace(original, properties=changed_at(original.properties, path, UNKNOWN))
            seen, found = neighbours.with_other(index, hazy)
            assert not found, f"{original.urn}: {path} is unknown: {found} {seen.unreadable}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_of_which_nothing_is_known_is_judged_later(stack: str) -> None:
    """Every property of every resource at once; only that things are there is seen."""
    hazy = [
        replace(one, properties={name: UNKNOWN for name in one.properties})
        for one in shipped(stack)
    ]
    view_of(hazy)
    assert "readable" not in reported(hazy)
