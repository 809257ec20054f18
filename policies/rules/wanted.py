"""What a setting must be. Each says nothing of what is not known yet: the update will know."""

from collections.abc import Collection, Iterator

from policies.rule import Violation
from policies.said import Said


def exactly(said: Said, wanted: str, default: str | None = None) -> Iterator[Violation]:
    """This text, in whatever case; where nothing is said, what Kafka does then counts."""
    yield from one_of(said, (wanted,), default)


def one_of(said: Said, wanted: Collection[str], default: str | None = None) -> Iterator[Violation]:
    """One of these texts, in whatever case."""
    found = default if said.absent else said.text
    if not said.unknown and (found or "").lower() not in wanted:
        yield not_as_wanted(said, " or ".join(wanted), default)


def at_least(said: Said, least: float, default: float | None = None) -> Iterator[Violation]:
    """A number that is not below this one."""
    found = default if said.absent else said.number
    if not said.unknown and (found is None or found < least):
        yield not_as_wanted(said, f"{least:,.15g} or more", default)


def within(
    said: Said, least: float, most: float, default: float | None = None
) -> Iterator[Violation]:
    """A number from one to another, both included."""
    found = default if said.absent else said.number
    if not said.unknown and (found is None or not least <= found <= most):
        legal = f"{least:,.15g}" if least == most else f"{least:,.15g} to {most:,.15g}"
        yield not_as_wanted(said, legal, default)


def there(said: Said, what: str) -> Iterator[Violation]:
    """Anything at all."""
    if not said.unknown and not said.text:
        yield not_as_wanted(said, what)


def not_as_wanted(said: Said, required: str, default: object = None) -> Violation:
    """The violation that a setting is."""
    found = said.shown
    if said.absent and default is not None:
        found = f"nothing, which means {default}"
    return Violation(said.urn, said.setting, found, required)
