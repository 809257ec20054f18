"""A lane's waiting room: keys whose first record waits for its next attempt, and what is behind.

Order per key is kept by it: while a key waits, its later records queue up here; other keys go on.
"""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from fleet.record import Record
from fleet.watermark import Span


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record was given up on; goes into its dead letter's headers.

    Attributes:
        error: The name of the exception's class.
        text: What the exception says.
        why: What made it the last attempt.
        attempts: How often the handler was called.
    """

    error: str
    text: str
    why: str
    attempts: int


@dataclass(slots=True)
class Waiting:
    """One key's place in the room.

    Attributes:
        attempts: Made at the first record so far.
        due_s: When the next is due, in monotonic seconds; infinite while a dead letter is written.
        cause: Why it was given up on: what is tried again then is its dead letter.
        behind: The key's later records, in order.
    """

    record: Record
    span: Span
    attempts: int
    due_s: float
    cause: Cause | None = None
    behind: deque[tuple[Record, Span]] = field(default_factory=deque)


class WaitingRoom:
    """Used by its lane alone."""

    def __init__(self) -> None:
        """Begin empty."""
        self.waiting: dict[Hashable, Waiting] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def find(self, key: Hashable) -> Waiting | None:
        """A key's place, if it waits."""
        return self.waiting.get(key)

    def park(self, key: Hashable, waiting: Waiting) -> None:
        """Let a key wait; what is behind an earlier place of it stays behind it."""
        before = self.waiting.get(key)
        if before is not None and not waiting.behind:
            waiting.behind = before.behind
        self.waiting[key] = waiting

    def leave(self, key: Hashable) -> deque[tuple[Record, Span]]:
        """The key's first record is done: it goes, and what was behind it is handed back."""
        return self.waiting.pop(key).behind

    def next_due_s(self) -> float | None:
        """When the next attempt is due; None when there is none to wait for."""
        due = min((waiting.due_s for waiting in self.waiting.values()), default=math.inf)
        return None if due == math.inf else due

    def due(self, now_s: float) -> list[Hashable]:
        """Keys whose attempt is due, the longest due first."""
        ready = [
            (w.due_s, n, k) for n, (k, w) in enumerate(self.waiting.items()) if w.due_s <= now_s
        ]
        return [key for _, _, key in sorted(ready, key=lambda found: found[:2])]

    def sweep(self) -> list[Record]:
        """Drop what belongs to partitions that were given back; returns what was dropped."""
        dropped: list[Record] = []
        for key, waiting in list(self.waiting.items()):
            kept = deque(item for item in waiting.behind if item[1].watermark.open)
            dropped += [record for record, span in waiting.behind if not span.watermark.open]
            waiting.behind = kept
            if waiting.span.watermark.open:
                continue
            dropped.append(waiting.record)
            if kept:
                record, span = kept.popleft()
                self.waiting[key] = Waiting(record, span, 0, 0.0, behind=kept)
            else:
                del self.waiting[key]
        return dropped
