"""What is wrong with an input: where, what was given, what is legal, what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    Attributes:
        path: Where in the input, such as ``workload.partitions``.
        given: The offending value as the user wrote it.
        legal: What would have been accepted.
        remedy: What to do next, where that is more than "write a legal value".
    """

    path: str
    given: str
    legal: str
    remedy: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        line = f"{self.path}: got {self.given}; legal: {self.legal}"
        return f"{line}; {self.remedy}" if self.remedy else line


class BadInput(Exception):
    """An input was refused; it carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def validated(model: type[Model], given: object, source: str = "") -> Model:
    """What was given as the model it should be; text is read as JSON.

    Args:
        model: What it should be.
        given: Fields, or JSON.
        source: The file, or where else it came from; stands before every path.

    Raises:
        BadInput: Every problem at once.
    """
    try:
        if isinstance(given, str):
            return model.model_validate_json(given)
        return model.model_validate(given)
    except ValidationError as error:
        raise BadInput([_problem(dict(item), source) for item in error.errors()]) from None


def _problem(item: dict[str, object], source: str) -> Problem:
    where = item.get("loc")
    path = ".".join(map(str, where)) if isinstance(where, tuple) else ""
    full = f"{source}: {path or 'the whole'}" if source else path or "the whole"
    given = "nothing" if item.get("type") == "missing" else repr(item.get("input"))[:80]
    return Problem(full, given, str(item.get("msg")).removeprefix("Value error, "))
