"""What a stack is let off: a policy's rule, for a reason, by somebody, until a day."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from blueprint.policy_names import POLICY_NAMES
from blueprint.problem import BadInput, Problem, validated

#: The key of the list among a stack's settings.
WAIVERS_KEY = "quorate:waivers"
_SOME_TEXT = r"\S"
#: What the engine makes of a day that stands in YAML without quotes.
_AS_A_TIMESTAMP = " 00:00:00 +0000 UTC"


class Waiver(BaseModel):
    """One rule that is let off; what it finds is then told and stops nothing.

    Attributes:
        rule: Its name, as ``docs/policies.md`` lists them.
        resource: The name of the one resource that is let off; every one when left out.
        reason: Why, for whoever asks later.
        owner: Who answers for it.
        expires: The last day, in UTC, on which it holds; after it the preview fails until the
            waiver is taken away or given a new day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    resource: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    reason: Annotated[str, Field(min_length=10, max_length=500, pattern=_SOME_TEXT)]
    owner: Annotated[str, Field(min_length=1, max_length=100, pattern=_SOME_TEXT)]
    expires: date

    @field_validator("rule")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in POLICY_NAMES:
            raise ValueError(f"a rule of docs/policies.md: {', '.join(sorted(POLICY_NAMES))}")
        return name

    @field_validator("expires", mode="before")
    @classmethod
    def _written_as_a_day(cls, given: object) -> object:
        """Numbers are days too, to the validator: they count from 1970."""
        if not isinstance(given, str | date):
            raise ValueError("a day such as 2030-12-31")
        return given.removesuffix(_AS_A_TIMESTAMP) if isinstance(given, str) else given

    def covers(self, rule: str, resource: str) -> bool:
        """Whether it is about this rule on the resource of this name."""
        return self.rule == rule and self.resource in (None, resource)

    def in_force(self, today: date) -> bool:
        """Whether it still holds on this day."""
        return today <= self.expires


class _Waivers(BaseModel):
    waivers: tuple[Waiver, ...] = ()


def parse_waivers(given: object, source: str) -> tuple[Waiver, ...]:
    """The waivers of a stack, by themselves: without them no policy can be judged.

    Args:
        given: The value of ``quorate:waivers``.
        source: Stands before every path.

    Raises:
        BadInput: Every problem at once.
    """
    waivers = validated(_Waivers, {"waivers": given}, source).waivers
    twice = list(twice_waived(waivers))
    if twice:
        raise BadInput(Problem(f"{source}: {one.path}", one.given, one.legal) for one in twice)
    return waivers


def twice_waived(waivers: Iterable[Waiver]) -> Iterable[Problem]:
    """Two waivers of one thing: it would be unclear which of their days counts."""
    seen: set[tuple[str, str | None]] = set()
    for waiver in waivers:
        what = (waiver.rule, waiver.resource)
        if what in seen:
            on = f" on {waiver.resource!r}" if waiver.resource else ""
            yield Problem("waivers", f"{waiver.rule}{on} twice", "one waiver of each thing")
        seen.add(what)
