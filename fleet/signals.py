"""What a fleet says of itself while it runs: each a small value, never only a line of text."""

import json
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import StrEnum

from fleet.record import Partition


class SignalKind(StrEnum):
    """What happened."""

    ASSIGNED = "assigned"
    REVOKED = "revoked"
    LOST = "lost"
    DRAIN_EXPIRED = "drain-expired"
    COMMITTED = "committed"
    COMMIT_FAILED = "commit-failed"
    HUNG = "hung"
    HUNG_ENDED = "hung-ended"
    STALLED = "stalled"
    POISONED = "poisoned"
    DEAD_LETTER_FAILED = "dead-letter-failed"
    CORRUPT = "corrupt"
    OVERTAKEN = "overtaken"
    READ_ANEW = "read-anew"
    PAUSED = "paused"
    RESUMED = "resumed"
    CLIENT_ERROR = "client-error"
    PURGE_FAILED = "purge-failed"
    FULL = "full"
    FLOWING = "flowing"
    CATCHING_UP = "catching-up"
    CAUGHT_UP = "caught-up"
    DEFERRED = "deferred"
    DEFERRAL_FAILED = "deferral-failed"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that someone may want to act on.

    Attributes:
        partition: Where, if it is about one.
        offset: Of the record it is about.
        key: Of the record, for people to read.
        seconds: How long it has lasted, where it lasts.
        detail: The rest, in words.
    """

    kind: SignalKind
    partition: Partition | None = None
    offset: int | None = None
    key: str | None = None
    seconds: float | None = None
    detail: str = ""

    def to_json(self) -> str:
        """One line; what is not known is left out."""
        fields: dict[str, object] = {"signal": self.kind.value}
        if self.partition is not None:
            fields |= {"topic": self.partition.topic, "partition": self.partition.number}
        rest: dict[str, object] = {
            "offset": self.offset,
            "key": self.key,
            "detail": self.detail or None,
        }
        rest["seconds"] = None if self.seconds is None else round(self.seconds, 3)
        fields |= {name: value for name, value in rest.items() if value is not None}
        return json.dumps(fields)


#: Is told every signal, from whichever thread; it must return soon and not raise.
Tell = Callable[[Signal], None]


def without(quiet: Container[SignalKind], tell: Tell) -> Tell:
    """The same, of everything but these kinds."""

    def choose(signal: Signal) -> None:
        if signal.kind not in quiet:
            tell(signal)

    return choose


def to_stderr(signal: Signal) -> None:
    """Write it as a line of JSON."""
    print(signal.to_json(), file=sys.stderr, flush=True)


def unheard(_: Signal) -> None:
    """Let it pass."""
