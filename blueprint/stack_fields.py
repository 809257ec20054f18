"""What single values of a stack's settings may be."""

import re
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

#: Kafka's own rule for topic names, and Kubernetes' for everything that becomes an object there.
TopicName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Image = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^\S+$")]
#: A value of a label of Kubernetes', which a zone is there.
ZoneLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
#: Hours; the least is 3.6 s, since Kafka is told in milliseconds and 0 of them keep nothing.
RetentionH = Annotated[float, Field(ge=0.001, le=87_600, allow_inf_nan=False)]
#: Nobody's own network is wider; 0.0.0.0/0 would let everybody in.
_WIDEST = 8
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: For each field of a cron line what it is called, its least, its most, and its names if any.
_CRON = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)
_CRON_PART = re.compile(r"(?:[*?]|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d?))?", re.A)


def _as_text(given: object) -> object:
    """Numbers are networks too, to Python: ``true`` would be 0.0.0.1."""
    if not isinstance(given, str | IPv4Network):
        raise ValueError("a network as text, such as 10.0.0.0/16")
    return given


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < _WIDEST:
        raise ValueError(f"a network from /{_WIDEST} to /32, not most of the internet")
    return network


Network = Annotated[IPv4Network, BeforeValidator(_as_text), AfterValidator(_narrow)]


def _cron_line(line: str) -> str:
    """A line as Kubernetes reads it.

    Raises:
        ValueError: It would refuse it.
    """
    said = line.split()
    if len(said) != len(_CRON):
        raise ValueError("a cron line of five fields: minute, hour, day, month, weekday")
    for text, (name, least, most, names) in zip(said, _CRON, strict=True):
        if not all(_in_cron(part, least, most, names) for part in text.split(",")):
            raise ValueError(f"a cron line; its {name} is from {least} to {most}, not {text[:40]}")
    return line


def _in_cron(part: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    found = _CRON_PART.fullmatch(part)
    if found is None:
        return False
    ends = [end for end in (found["first"], found["last"]) if end is not None]
    numbers = [_number(end.lower(), least, names) for end in ends]
    return numbers == sorted(numbers) and all(least <= number <= most for number in numbers)


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    """What a number or a name stands for; -1, which is never legal, for anything else."""
    if text in names:
        return least + names.index(text)
    return int(text) if text.isdigit() and len(text) <= 2 else -1


Cron = Annotated[str, Field(max_length=200), AfterValidator(_cron_line)]
