"""What is wrong with an input: where, what was given, what is legal, what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError


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


def refusal(error: ValidationError, source: str) -> BadInput:
    """All that a model found wrong with an input, as problems below ``source``."""
    return BadInput(
        Problem(
            f"{source}: {'.'.join(map(str, item['loc'])) or 'the whole'}",
            repr(item["input"])[:80],
            str(item["msg"]),
        )
        for item in error.errors()
    )
