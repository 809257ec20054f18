"""Judging as the engine asks for it: each resource by itself, then the stack as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from policies.extract import view_of
from policies.resource import Resource
from policies.rule import Rule, Scope, Violation
from policies.rules import RULES
from policies.view import View


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


class Neighbours:
    """A compliant stack in which one resource after the other is another: each is read once."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        """Read them all."""
        self.resources = tuple(resources)
        self.views = [view_of([resource]) for resource in resources]

    def with_other(self, index: int, other: Resource) -> tuple[View, set[str]]:
        """The view of what stands in the place of one resource, and which rules report then."""
        seen = view_of([other])
        whole = _together([*self.views[:index], seen, *self.views[index + 1 :]])
        found = set()
        for rule in RULES:
            view = seen if rule.scope is Scope.RESOURCE else whole
            if any(True for _ in rule.judge(view)):
                found.add(rule.name)
        return seen, found


def _together(views: Sequence[View]) -> View:
    return View(
        **{
            one.name: tuple(item for view in views for item in getattr(view, one.name))
            for one in fields(View)
        }
    )
