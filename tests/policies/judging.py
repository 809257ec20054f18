"""Judging as the engine asks for it: each resource by itself, then the stack as a whole.

Each resource is read and judged by itself once: most of a stack stays as it is while one is broken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from policies.extract import view_of
from policies.resource import Resource
from policies.rule import Rule, Scope
from policies.rules import RULES
from policies.view import View
from policies.violation import Violation


@dataclass(frozen=True)
class _Judged:
    resource: Resource
    view: View
    found: tuple[tuple[Rule, Violation], ...]


_KEPT: dict[int, _Judged] = {}


def violations(resources: Sequence[Resource]) -> Iterator[tuple[Rule, Violation]]:
    """Everything that is reported of a stack."""
    alone = [_judged(resource) for resource in resources]
    for one in alone:
        yield from one.found
    yield from _found(Scope.STACK, _together([one.view for one in alone]))


def reported(resources: Sequence[Resource]) -> set[str]:
    """The names of the rules that report anything."""
    return {rule.name for rule, _ in violations(resources)}


class Neighbours:
    """A compliant stack in which one resource after the other is another."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        """Read them all."""
        self.resources = tuple(resources)
        self.views = [_judged(resource).view for resource in resources]

    def with_other(self, index: int, other: Resource) -> tuple[View, set[str]]:
        """The view of what stands in the place of one resource, and which rules report then."""
        seen = view_of([other])
        whole = _together([*self.views[:index], seen, *self.views[index + 1 :]])
        found = (*_found(Scope.RESOURCE, seen), *_found(Scope.STACK, whole))
        return seen, {rule.name for rule, _ in found}


def _judged(resource: Resource) -> _Judged:
    kept = _KEPT.get(id(resource))
    if kept is None:
        view = view_of([resource])
        kept = _Judged(resource, view, tuple(_found(Scope.RESOURCE, view)))
        # It keeps the resource too, so that its id stays its own.
        _KEPT[id(resource)] = kept
    return kept


def _found(scope: Scope, view: View) -> Iterator[tuple[Rule, Violation]]:
    for rule in RULES:
        if rule.scope is scope:
            for violation in rule.judge(view):
                yield rule, violation


def _together(views: Sequence[View]) -> View:
    return View(
        **{
            one.name: tuple(item for view in views for item in getattr(view, one.name))
            for one in fields(View)
        }
    )
