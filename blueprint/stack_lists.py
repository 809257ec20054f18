"""What is wrong with a stack's lists as they were given, where something in them is in doubt.

The checks of ``stack_problems`` read legal settings alone; a name that stands twice and a topic
that nobody declared are plain without.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from blueprint.problem import Problem
from blueprint.stack_problems import said_twice, undeclared

if TYPE_CHECKING:  # It asks this module.
    from blueprint.stack_config import StackConfig

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
    given = fields if isinstance(fields, Mapping) else {}
    for path, sections in (("topics", ["topics"]), ("fleets and clients", ["fleets", "clients"])):
        if doubted.isdisjoint(sections):
            continue
        lists = [given.get(section) for section in sections]
        items = [item for one in lists if isinstance(one, list | tuple) for item in one]
        names = [item.get("name") for item in items if isinstance(item, Mapping)]
        yield from said_twice(path, [name for name in names if isinstance(name, str)])


def _undeclared(fields: object, config: "StackConfig", doubted: set[str]) -> Iterator[Problem]:
    """Topics that nobody declared, of users of whom something else is in doubt."""
    if "topics" in doubted or doubted.isdisjoint(("fleets", "clients")):
        return
    given = fields if isinstance(fields, Mapping) else {}
    lists = [given.get(section) for section in ("fleets", "clients")]
    for user in (item for one in lists if isinstance(one, list | tuple) for item in one):
        if isinstance(user, Mapping) and isinstance(user.get("name"), str):
            said = [user.get(way) for way in ("consumes", "produces")]
            named = [topic for one in said if isinstance(one, list | tuple) for topic in one]
            topics = {topic for topic in named if isinstance(topic, str)}
            yield from undeclared(config, user["name"], set(filter(_TOPIC.fullmatch, topics)))
