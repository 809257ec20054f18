"""How a resource's properties are read: what has not the shape it should have is kept as such."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policies.resource import UNKNOWN, Resource, Secret, has_unknown
from policies.said import Said, Settings
from policies.violation import Violation


@dataclass(frozen=True)
class Part:
    """A place in a resource's properties.

    Whatever is not as it should be is added to ``unreadable`` and taken for unknown from then on:
    one rule reports it, and no other judges what nobody could read.

    Attributes:
        value: What is there, out of its secret.
        at: The path, as the resource's owner would write it.
        hidden: Whether it lies in a secret.
    """

    urn: str
    value: object
    at: str = ""
    hidden: bool = False
    unreadable: list[Violation] = field(default_factory=list, compare=False)

    @property
    def unknown(self) -> bool:
        """Whether it is known only at the update."""
        return self.value is UNKNOWN

    @property
    def absent(self) -> bool:
        """Whether there is nothing."""
        return self.value is None

    @property
    def hazy(self) -> bool:
        """Whether it, or anything in it, is known only at the update."""
        return has_unknown(self.value)

    def part(self, *path: str) -> "Part":
        """What is at a path of names below this."""
        here = self
        for name in path:
            here = here._child(name)
        return here

    def parts(self) -> tuple["Part", ...]:
        """The items of a list; none where there is none, or where it is not known yet."""
        if self.value is None or self.unknown:
            return ()
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            self.refuse("a list")
            return ()
        return tuple(self._below(f"[{index}]", one) for index, one in enumerate(self.value))

    def items(self) -> Iterator[tuple[str, "Part"]]:
        """The entries of a mapping by name; none where there is none, or where it is unknown."""
        if self.value is None or self.unknown:
            return
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping")
            return
        for name, one in self.value.items():
            yield str(name), self._below(f".{name}" if self.at else str(name), one)

    def said(self) -> Said:
        """The setting that is here."""
        if self.value is None or self.unknown:
            value = UNKNOWN if self.unknown else None
            return Said(self.urn, self.at, value, self.hidden)
        if isinstance(self.value, str | bool):
            return Said(self.urn, self.at, self.value, self.hidden)
        if isinstance(self.value, int | float):
            return Said(self.urn, self.at, float(self.value), self.hidden)
        self.refuse("one value")
        return Said(self.urn, self.at, UNKNOWN, self.hidden)

    def required(self) -> Said:
        """The same of what has to be there."""
        if self.value is None:
            self.refuse("one value")
            return Said(self.urn, self.at, UNKNOWN, self.hidden)
        return self.said()

    def word(self) -> Said:
        """A text that has to be there, such as a name."""
        said = self.required()
        if said.unknown or (isinstance(said.value, str) and said.value):
            return said
        self.refuse("a text")
        return Said(self.urn, self.at, UNKNOWN, self.hidden)

    def settings(self) -> Settings:
        """All settings that are here by name."""
        if self.unknown:
            return Settings(self.urn, self.at, UNKNOWN)
        if self.value is not None and not isinstance(self.value, Mapping):
            self.refuse("settings by name")
            return Settings(self.urn, self.at, UNKNOWN)
        given = {name: one.said() for name, one in self.items()}
        return Settings(self.urn, self.at, given)

    def document(self, read: Callable[[str], object], what: str) -> "Part":
        """What a text that is here says; ``read`` raises ValueError where it says nothing."""
        if self.value is None or self.unknown:
            return self
        if not isinstance(self.value, str):
            return self._refused(what)
        try:
            value = read(self.value)
        except (ValueError, RecursionError):
            return self._refused(what)
        return Part(self.urn, value, self.at, self.hidden, self.unreadable)

    def refuse(self, required: str) -> None:
        """Keep in mind that this is not what it should be."""
        found = "a value that is not shown here" if self.hidden else _kind(self.value)
        fault = Violation(self.urn, self.at or "properties", found, required)
        if fault not in self.unreadable:
            self.unreadable.append(fault)

    def _refused(self, required: str) -> "Part":
        self.refuse(required)
        return Part(self.urn, UNKNOWN, self.at, self.hidden, self.unreadable)

    def _child(self, name: str) -> "Part":
        step = f".{name}" if self.at else name
        if self.value is None or self.unknown:
            return self._below(step, self.value)
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping")
            return self._below(step, UNKNOWN)
        return self._below(step, self.value.get(name))

    def _below(self, step: str, value: object) -> "Part":
        hidden = self.hidden
        while isinstance(value, Secret):
            value, hidden = value.value, True
        return Part(self.urn, value, self.at + step, hidden, self.unreadable)


def opened(resource: Resource) -> Part:
    """The properties of a resource, from their beginning."""
    whole = Part(resource.urn, None)
    return whole._below("", resource.properties)


def json_of(text: str) -> object:
    """What a JSON text says.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(text)


def properties_of(text: str) -> dict[str, str]:
    """What a properties file says, by name.

    Raises:
        ValueError: A line is no setting.
    """
    found = {}
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith(("#", "!")):
            name, sign, value = line.partition("=")
            if not sign or not name.strip():
                raise ValueError("a line without a setting")
            found[name.strip()] = value.strip()
    return found


def _kind(value: object) -> str:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "a text"),
        ((int, float), "a number"),
        (Mapping, "a mapping"),
        (Sequence, "a list"),
    )
    if value is None:
        return "nothing"
    return next((word for kind, word in kinds if isinstance(value, kind)), "something else")
