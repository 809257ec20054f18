"""When a record that failed is tried again, and when it is given up on."""

import random
from dataclasses import dataclass


class Poison(Exception):
    """Raised by a handler: no further attempt at this record can succeed."""


class WrongReturn(Exception):
    """A handler returned something, where it returns nothing or raises."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more, after ``delay_s``."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """To the dead letters with it."""

    why: str


Verdict = Again | GiveUp


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Growing waits between a bounded number of attempts.

    Attributes:
        attempts: In all, the first included.
        first_s: The wait before the second attempt.
        factor: By which each wait is longer than the one before.
        most_s: The longest wait.
        jitter: The part of a wait that is random, so that what failed together comes back apart.
    """

    attempts: int = 5
    first_s: float = 0.1
    factor: float = 2.0
    most_s: float = 10.0
    jitter: float = 0.2

    def after(self, attempt: int, error: BaseException, seed: int) -> Verdict:
        """What to do after a failed attempt.

        Args:
            attempt: Which one failed, from 1.
            error: What the handler raised.
            seed: Of the jitter; the record's offset, so that a replay waits the same.
        """
        if isinstance(error, Poison | WrongReturn):
            return GiveUp("the handler says so" if isinstance(error, Poison) else str(error))
        if attempt >= self.attempts:
            return GiveUp(f"{attempt} attempts failed")
        wait_s = self.wait_s(attempt)
        draw = random.Random(seed * 31 + attempt).random()
        return Again(wait_s * (1 - self.jitter * draw))

    def wait_s(self, attempt: int) -> float:
        """The longest wait after an attempt."""
        # 2.0 ** 1100 is no float any more.
        exponent = min(attempt - 1, 64)
        return min(self.most_s, self.first_s * self.factor**exponent)
