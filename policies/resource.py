"""One resource of a stack as the engine tells it: what a policy may look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Unknown(Enum):
    """What the engine does not know before the update; it is judged then."""

    UNKNOWN = "unknown until the update"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that must not be said; what lies in it may be judged."""

    value: object

    def __repr__(self) -> str:
        return "[secret]"


def has_unknown(value: object) -> bool:
    """Is anything in there, however deep, not known before the update?"""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(has_unknown, value))
    return value is UNKNOWN


@dataclass(frozen=True)
class Resource:
    """A resource with its decoded inputs, or outputs once it is there.

    `properties` holds None, bool, float, str, lists and mappings of those, UNKNOWN and Secret.
    """

    urn: str
    type: str
    name: str
    properties: Mapping[str, object]
