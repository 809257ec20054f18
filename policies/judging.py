"""Rules over a view. A rule that fails to judge is a violation itself, never a pass."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from policies.resource import Resource
from policies.rule import Rule
from policies.view import View
from policies.violation import Violation

ViewOf = Callable[[tuple[Resource, ...]], View]


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation, and the rule that found it."""

    rule: Rule
    violation: Violation


def judged(
    rules: Iterable[Rule], resources: tuple[Resource, ...], view_of: ViewOf
) -> Iterator[Finding]:
    """Everything that is not as it must be, rule after rule; each finding once.

    Args:
        rules: Those that need no more than these resources.
        resources: One, or all of a stack.
        view_of: Reads them.
    """
    view: View | Exception
    try:
        view = view_of(resources)
    except Exception as error:
        view = error
    for rule in rules:
        for violation in dict.fromkeys(_violations(rule, view, resources)):
            yield Finding(rule, violation)


def _violations(
    rule: Rule, view: View | Exception, resources: tuple[Resource, ...]
) -> Iterator[Violation]:
    if isinstance(view, Exception):
        yield _unjudged(view, resources)
        return
    try:
        yield from rule.judge(view)
    except Exception as error:
        yield _unjudged(error, resources)


def _unjudged(error: Exception, resources: tuple[Resource, ...]) -> Violation:
    """Of the error only its kind is said: its text may hold a secret."""
    urn = resources[0].urn if len(resources) == 1 else ""
    found = f"not judged: a {type(error).__name__} in the rule or in what reads the resource"
    return Violation(urn, "all of it", found, "of a shape that the rule can read")
