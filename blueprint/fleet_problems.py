"""What contradicts what among the settings of a stack's fleets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from blueprint.problem import Problem

if TYPE_CHECKING:  # It asks this module.
    from blueprint.stack_config import StackConfig


def catch_up_problems(config: "StackConfig") -> Iterator[Problem]:
    """Fleets that would never leave what they enter, or have no second path to take."""
    for index, fleet in enumerate(config.fleets):
        catch_up, path = fleet.catch_up, f"fleets.{index}.catch_up"
        if catch_up is None:
            continue
        if catch_up.leave_records > catch_up.enter_records:
            legal = f"at most enter_records, {catch_up.enter_records}"
            yield Problem(f"{path}.leave_records", str(catch_up.leave_records), legal)
        if fleet.deferred and fleet.dedup is not None:
            legal = "one of catch_up and dedup: a handler that is given a transaction has one path"
            yield Problem(path, "both", legal)


def deferred_problems(config: "StackConfig") -> Iterator[Problem]:
    """Topics that are declared though the stack makes them otherwise."""
    made = {fleet.deferred for fleet in config.fleets if fleet.deferred}
    for index, topic in enumerate(config.topics):
        if topic.name in made:
            legal = "no topic of this name: it is made with one partition, and kept for ever"
            yield Problem(f"topics.{index}.name", repr(topic.name), legal)


def dedup_problems(config: "StackConfig") -> Iterator[Problem]:
    """Memories that a second instance could not see."""
    for index, fleet in enumerate(config.fleets):
        if fleet.dedup is None or not fleet.dedup.single or fleet.instances == 1:
            continue
        given = "left out" if fleet.instances is None else str(fleet.instances)
        legal = "1 with dedup.sqlite: a second instance would not see what the first has applied"
        remedy = "or dedup.postgresql, which also outlives the loss of a zone"
        yield Problem(f"fleets.{index}.instances", given, legal, remedy)
