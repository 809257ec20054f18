"""A compliant stack has no violation; one thing broken, and exactly that rule reports."""

import pytest

from policies.rules import RULES
from tests.policies.broken import MUTATIONS
from tests.policies.judging import reported, violations
from tests.policies.mutation import Mutation
from tests.policies.stacks import STACKS, shipped


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_stack_has_no_violation(stack: str) -> None:
    """What is shipped is what the rules ask for, on each of the three targets."""
    found = [f"{rule.name}: {said}" for rule, said in violations(shipped(stack))]
    assert not found


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{one.rule}-{one.stack}-{i}" for i, one in enumerate(MUTATIONS)]
)
def test_what_is_broken_is_reported_by_its_rule_alone(mutation: Mutation) -> None:
    """Neither is it missed, nor do other rules cry out with it."""
    assert reported(mutation.change(shipped(mutation.stack))) == {mutation.rule}


def test_no_rule_is_without_a_mutation() -> None:
    """A rule that nothing can break says nothing."""
    assert {rule.name for rule in RULES} == {one.rule for one in MUTATIONS}


def test_no_two_rules_have_one_name() -> None:
    """A waiver names one rule."""
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
