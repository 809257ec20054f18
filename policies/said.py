"""One setting as a resource says it: with where it stands, and whether it may be repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.resource import UNKNOWN, Unknown

Scalar = str | float | bool | None | Unknown
_MOST_SHOWN = 80


@dataclass(frozen=True)
class Said:
    """One setting of one resource.

    Attributes:
        urn: The resource's.
        setting: Where it stands in the resource, as its owner would look for it.
        value: None where the resource says nothing, UNKNOWN before the update.
        hidden: It lies in a secret: it may be judged and is never repeated.
    """

    urn: str
    setting: str
    value: Scalar
    hidden: bool = False

    @property
    def unknown(self) -> bool:
        """Whether it is judged at the update and not before."""
        return self.value is UNKNOWN

    @property
    def absent(self) -> bool:
        """Whether the resource says nothing."""
        return self.value is None

    @property
    def text(self) -> str | None:
        """As text, as Kafka would read it; None where it is none."""
        if isinstance(self.value, str):
            return self.value.strip()
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return f"{self.value:g}" if isinstance(self.value, float) else None

    @property
    def number(self) -> float | None:
        """As a number, in whatever form it was written; None where it is none."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            return None
        try:
            number = float(self.value)
        except ValueError:
            return None
        return number if number == number else None

    @property
    def flag(self) -> bool | None:
        """As true or false, in whatever form it was written; None where it is neither."""
        return {"true": True, "false": False}.get((self.text or "").lower())

    @property
    def shown(self) -> str:
        """As a message may say it."""
        if self.hidden:
            return "a value that is not shown here"
        if self.value is None:
            return "nothing"
        return repr(self.text)[:_MOST_SHOWN] if isinstance(self.value, str) else str(self.text)


@dataclass(frozen=True)
class Settings:
    """Settings by name, such as a properties file.

    Attributes:
        urn: The resource's.
        within: Where they stand in it.
        given: By name; UNKNOWN while nothing of them is known.
    """

    urn: str
    within: str
    given: Mapping[str, Said] | Unknown = field(default_factory=dict)

    def said(self, name: str) -> Said:
        """One of them; where it is not among them, that it is not."""
        at = f"{self.within}: {name}" if self.within else name
        if isinstance(self.given, Unknown):
            return Said(self.urn, at, UNKNOWN)
        return self.given.get(name, Said(self.urn, at, None))

    def names(self) -> tuple[str, ...]:
        """Every name that is known."""
        return () if isinstance(self.given, Unknown) else tuple(self.given)
