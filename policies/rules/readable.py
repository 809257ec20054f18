"""What claims to be Kafka's can be read: what nobody can read, nobody has judged."""

from collections.abc import Iterator

from policies.rule import Rule, Scope
from policies.rules.wanted import not_as_wanted
from policies.said import Said
from policies.view import View
from policies.violation import Violation

FAMILY = "readable"


def _readable(view: View) -> Iterator[Violation]:
    yield from view.unreadable


def _in_sight(view: View) -> Iterator[Violation]:
    """Whatever a host or a fleet is told to read is in the stack, where it is judged."""
    files = {file.text for file in view.files}
    if any(file.unknown for file in view.files):
        return
    for said in (*(read for one in view.machines for read in one.reads), *_of_fleets(view)):
        if not said.unknown and said.text not in files:
            yield not_as_wanted(said, "the name of something in this stack, where it is judged")


def _of_fleets(view: View) -> Iterator[Said]:
    yield from (fleet.file for fleet in view.fleets)


RULES = (
    Rule(
        name="readable",
        family=FAMILY,
        why="No other rule can judge settings of a shape that nobody knows, so they would pass.",
        judge=_readable,
        no_experiment="it is about what these policies can see, not about how Kafka behaves",
    ),
    Rule(
        name="settings-in-sight",
        family=FAMILY,
        why="Settings that lie elsewhere are judged by nobody, and changed by anybody.",
        judge=_in_sight,
        no_experiment="it is about what these policies can see, not about how Kafka behaves",
        scope=Scope.STACK,
    ),
)
