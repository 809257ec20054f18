"""Judging as the engine asks for it: each resource by itself, then the stack as a whole."""

from collections.abc import Iterator, Sequence

from policies.extract import view_of
from policies.resource import Resource
from policies.rule import Rule, Scope, Violation
from policies.rules import RULES


def violations(resources: Sequence[Resource]) -> Iterator[tuple[Rule, Violation]]:
    """Everything that is reported of a stack."""
    views = [view_of([resource]) for resource in resources]
    whole = view_of(resources)
    for rule in RULES:
        for view in views if rule.scope is Scope.RESOURCE else [whole]:
            for violation in rule.judge(view):
                yield rule, violation


def reported(resources: Sequence[Resource]) -> set[str]:
    """The names of the rules that report anything."""
    return {rule.name for rule, _ in violations(resources)}
