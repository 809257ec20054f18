"""What is wrong with a stack's lists as they were given, where something in them is in doubt.

The checks of ``stack_problems`` read legal settings alone; a name that stands twice and a topic
that nobody declared are plain without.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blueprint.problem import Problem
from blueprint.stack_problems import said_twice, undeclared

if TYPE_CHECKING:  # It asks this module.
    from blueprint.stack_config import StackConfig

_USERS = ("fleets", "clients")
_TOPIC = re.compile(r"[a-z0-9.-]{1,62}")


def list_problems(fields: object, config: "StackConfig", doubted: set[str]) -> Iterator[Problem]:
    """Everything that is plain of the lists in doubt.

    Args:
        fields: The settings as they were given.
        config: Those of them that are in no doubt.
        doubted: Names of the others.
    """
    yield from _named_twice(fields, doubted)
    yield from _undeclared(fields, config, doubted)


def _named_twice(fields: object, doubted: set[str]) -> Iterator[Problem]:
    """Names that stand twice in lists of which something else is in doubt."""
    for path, sections in (("topics", ("topics",)), ("fleets and clients", _USERS)):
        if not doubted.isdisjoint(sections):
            yield from said_twice(path, [item["name"] for item in _named(fields, sections)])


def _undeclared(fields: object, config: "StackConfig", doubted: set[str]) -> Iterator[Problem]:
    """Topics that nobody declared, of users of whom something else is in doubt."""
    if "topics" in doubted or doubted.isdisjoint(_USERS):
        return
    for user in _named(fields, _USERS):
        named = [topic for way in ("consumes", "produces") for topic in _listed(user, way)]
        topics = {topic for topic in named if isinstance(topic, str)}
        yield from undeclared(config, user["name"], set(filter(_TOPIC.fullmatch, topics)))


def _named(fields: object, sections: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """What has a name among the items of some lists."""
    for item in (item for section in sections for item in _listed(fields, section)):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            yield item


def _listed(fields: object, name: str) -> Sequence[object]:
    """The items of a list; none where it is none."""
    found = fields.get(name) if isinstance(fields, Mapping) else None
    return found if isinstance(found, list | tuple) else ()
