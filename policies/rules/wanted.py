"""What a setting must be. Each says nothing of what is not known yet: the update will know."""

from collections.abc import Collection, Iterator

from policies.said import Said, Settings
from policies.violation import Violation


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
        yield not_as_wanted(said, f"{written(least)} or more", default)


def at_most(
    said: Said, most: float, default: float | None = None, what: str = ""
) -> Iterator[Violation]:
    """A number that is not above this one, of which ``what`` is said in its place."""
    found = default if said.absent else said.number
    if not said.unknown and (found is None or found > most):
        yield not_as_wanted(said, f"{what or written(most)} or less", default)


def within(
    said: Said, least: float, most: float, default: float | None = None
) -> Iterator[Violation]:
    """A number from one to another, both included."""
    found = default if said.absent else said.number
    if not said.unknown and (found is None or not least <= found <= most):
        legal = written(least) if least == most else f"{written(least)} to {written(most)}"
        yield not_as_wanted(said, legal, default)


def there(said: Said, required: str) -> Iterator[Violation]:
    """Anything at all."""
    if not said.unknown and not said.text:
        yield not_as_wanted(said, required)


def said_first(settings: Settings, *names: str) -> Said:
    """The first of several names of one setting that is said."""
    said = [settings.said(name) for name in names]
    return next((one for one in said if not one.absent), said[0])


def not_as_wanted(said: Said, required: str, default: object = None) -> Violation:
    """The violation that a setting is."""
    found = said.shown
    if said.absent and default is not None:
        found = f"nothing, which means {written(default)}"
    return Violation(said.urn, said.setting, found, required)


def written(value: object) -> str:
    """A number as people read it, and all else as it is."""
    return f"{value:,.15g}" if isinstance(value, int | float) else str(value)
