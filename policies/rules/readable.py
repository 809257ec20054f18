"""What claims to be Kafka's can be read: what nobody can read, nobody has judged."""

from collections.abc import Iterator

from policies.rule import Rule, Violation
from policies.view import View

FAMILY = "readable"


def _readable(view: View) -> Iterator[Violation]:
    for one in view.unreadable:
        yield Violation(one.urn, one.setting, one.found, one.required)


RULES = (
    Rule(
        name="readable",
        family=FAMILY,
        why="No other rule can judge settings of a shape that nobody knows, so they would pass.",
        judge=_readable,
        no_experiment="it is about what these policies can see, not about how Kafka behaves",
    ),
)
