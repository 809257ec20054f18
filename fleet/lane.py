"""A lane: the keys that hash to it are handled one after the other, in the order of the log.

What both kinds of lane share is the slow path: a record that failed waits, its key waits with it,
and what cannot be handled becomes a dead letter before it counts as done.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from fleet.record import KeyOf, Record, named, partition_of
from fleet.retries import Again, RetrySchedule, WrongReturn
from fleet.signals import Signal, SignalKind, Tell
from fleet.split import Many, Split, Switch
from fleet.waiting import Cause, Waiting, WaitingRoom
from fleet.watermark import Mark, Span

#: Finds the span of a record among a run's; what it returns is the run's business.
Where = Callable[[Record], Hashable]
#: Is told None once a dead letter is acknowledged, or why it could not be written.
Buried = Callable[[str | None], None]
#: Writes a dead letter.
Bury = Callable[[Record, Cause, Buried], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What one lane is handed at once.

    Attributes:
        records: In the order of the log, of any of the member's partitions.
        spans: Of every partition of the poll they came with, shared by all of its runs.
        bytes: Of their values.
    """

    records: list[Record]
    spans: Mapping[Hashable, Span]
    bytes: int


@dataclass(frozen=True, slots=True)
class LetterEnd:
    """What became of a dead letter."""

    key: Hashable
    record: Record
    failure: str | None


class Sweep:
    """Partitions were given back: drop what waits of them."""


class Leave:
    """End."""


#: What a lane is handed.
Item = Run | LetterEnd | Sweep | Leave


@dataclass(frozen=True, slots=True)
class LaneRules:
    """What is the same for every lane of a member.

    Attributes:
        letter_retry_s: The wait before a dead letter that failed is written again.
        split: The handler, where it has two parts.
        switch: Whether the essential alone is done; looked at once for each run.
        light_batch: So many records at most are its ``essential_many``'s at once.
    """

    key_of: KeyOf
    where: Where
    schedule: RetrySchedule
    bury: Bury
    tell: Tell
    letter_retry_s: float = 1.0
    clock: Callable[[], float] = time.monotonic
    split: Split | None = None
    switch: Switch = field(default_factory=Switch)
    light_batch: int = 500


class Lane(ABC):
    """One lane. Its numbers are written by itself alone and may be read by anyone.

    Attributes:
        current: The record its handler is at.
        finished_records: Of those it was handed: done, or dropped with their partition.
        finished_bytes: Of their values.
        retried: Further attempts that were made.
        poisoned: Records that became dead letters.
        deferred: Records of which the essential part alone was done.
        skipped: Records of which nothing was done.
    """

    def __init__(self, number: int, rules: LaneRules) -> None:
        """Begin with nothing to do."""
        self.number = number
        self.current: Record | None = None
        self.finished_records = self.finished_bytes = self.retried = self.poisoned = 0
        self.deferred = self.skipped = 0
        self._rules = rules
        self._room = WaitingRoom()

    @property
    def waiting_keys(self) -> int:
        """Keys whose first record waits for its next attempt."""
        return len(self._room)

    @abstractmethod
    def put(self, item: Item) -> None:
        """Hand something over; any thread may."""

    @abstractmethod
    async def _handle(self, record: Record) -> object:
        """Call the handler; returns what it returned."""

    @abstractmethod
    async def _call(self, part: Callable[[Any], object], given: object) -> object:
        """Call a part of the handler; returns what it returned."""

    async def _run_light(self, run: Run) -> None:
        """Do the essential part of a run's records: of many at once where the handler can."""
        split, where = self._rules.split, self._rules.where
        assert split is not None
        for place, found in groupby(run.records, where):
            records, most = list(found), self._rules.light_batch
            for n in range(0, len(records), most):
                await self._light_stretch(split, records[n : n + most], run.spans[place])
        self.current = None
        self.finished_bytes += run.bytes
        self.finished_records += len(run.records)

    async def _light_stretch(self, split: Split, records: list[Record], span: Span) -> None:
        todo = [record for record in records if not self._skips(split, record, span)]
        if split.essential_many is not None and len(todo) > 1 and not self._room.waiting:
            self.current = todo[0]
            if await self._at_once(split.essential_many, todo, span):
                return
        for record in todo:
            # Said before it is asked: whoever closes the watermark then looks here sees this one.
            self.current = record
            if not span.watermark.open or (
                self._room.waiting and self._stands_behind(record, span)
            ):
                continue
            try:
                returned = await self._call(split.essential, record)
                if returned is not None:
                    raise self._misreturned(returned)
            except BaseException as error:
                self._failed(record, span, 1, error)
                continue
            span.marks[record.offset() - span.first] = Mark.DEFERRED
            self.deferred += 1

    def _skips(self, split: Split, record: Record, span: Span) -> bool:
        """Whether nothing is done of a record now; what cannot say so is essential."""
        self.current = record
        if not span.watermark.open:
            return True
        try:
            skips = split.skippable(record)
        except BaseException:
            return False
        # Behind an earlier record of its key that waits it waits too, or it would pass it.
        if not skips or (self._room.waiting and self._room.find(self._key(record)) is not None):
            return False
        span.marks[record.offset() - span.first] = Mark.SKIPPED
        self.skipped += 1
        return True

    async def _at_once(self, many: Many, records: list[Record], span: Span) -> bool:
        """Do many at once; False: each has to be done by itself."""
        if not span.watermark.open:
            return True
        try:
            if await self._call(many, records) is not None:
                return False
        except BaseException:
            return False
        for record in records:
            span.marks[record.offset() - span.first] = Mark.DEFERRED
        self.deferred += len(records)
        return True

    async def _notice(self, item: Item | None) -> None:
        """Do what is not a run: orders, ends of dead letters, attempts that are due."""
        if isinstance(item, LetterEnd):
            await self._letter_ended(item)
        elif isinstance(item, Sweep):
            for record in self._room.sweep():
                self._finish(record)
        for key in self._room.due(self._rules.clock()):
            await self._try_again(key)

    def _stands_behind(self, record: Record, span: Span) -> bool:
        """Queue a record behind its key if that waits."""
        waiting = self._room.find(self._key(record))
        if waiting is None:
            return False
        waiting.behind.append((record, span))
        self._hold(record)
        return True

    def _failed(
        self,
        record: Record,
        span: Span,
        attempt: int,
        error: BaseException,
        behind: deque[tuple[Record, Span]] | None = None,
    ) -> None:
        """Let the record's key wait: for the next attempt, or for its dead letter."""
        rules, key = self._rules, self._key(record)
        verdict = rules.schedule.after(attempt, error, record.offset())
        waiting = Waiting(record, span, attempt, float("inf"), behind=behind or deque())
        if self._room.find(key) is None:
            self._hold(record)
        self._room.park(key, waiting)
        if isinstance(verdict, Again):
            waiting.due_s = rules.clock() + verdict.delay_s
            return
        waiting.cause = Cause(type(error).__name__, str(error), verdict.why, attempt)
        self._bury(key, waiting, waiting.cause)

    def _misreturned(self, returned: object) -> WrongReturn:
        close = getattr(returned, "close", None)
        if hasattr(returned, "__await__"):
            if callable(close):
                close()
            return WrongReturn("the handler returned an awaitable: declare it with `async def`")
        kind = type(returned).__name__
        return WrongReturn(f"the handler returned {kind}; it returns None, or raises what is wrong")

    async def _try_again(self, key: Hashable) -> None:
        waiting = self._room.find(key)
        if waiting is None:
            return
        if waiting.cause is not None:
            waiting.due_s = float("inf")
            self._bury(key, waiting, waiting.cause)
            return
        self.retried += waiting.attempts > 0
        attempt = waiting.attempts + 1
        if await self._attempt(waiting.record, waiting.span, attempt, waiting.behind):
            await self._advance(key)

    async def _advance(self, key: Hashable) -> None:
        """The key's first record is over: go on with what is behind it until one fails."""
        self._finish(self._room.find(key).record)  # type: ignore[union-attr]
        behind = self._room.leave(key)
        while behind:
            record, span = behind.popleft()
            self._finish(record)
            if not await self._attempt(record, span, 1, behind):
                return

    async def _attempt(
        self, record: Record, span: Span, attempt: int, behind: deque[tuple[Record, Span]]
    ) -> bool:
        """Handle one record; False when its key waits now. Closed partitions count as over."""
        self.current = record
        try:
            if not span.watermark.open:
                return True
            returned = await self._handle(record)
            if returned is not None:
                raise self._misreturned(returned)
        except BaseException as error:
            self._failed(record, span, attempt, error, behind)
            return False
        finally:
            self.current = None
        span.marks[record.offset() - span.first] = 1
        return True

    def _bury(self, key: Hashable, waiting: Waiting, cause: Cause) -> None:
        record = waiting.record
        self._rules.bury(record, cause, lambda failure: self.put(LetterEnd(key, record, failure)))

    async def _letter_ended(self, end: LetterEnd) -> None:
        waiting, rules, record = self._room.find(end.key), self._rules, end.record
        if waiting is None or waiting.record is not record or waiting.cause is None:
            return
        place, key = partition_of(record), named(record.key())
        if end.failure is not None:
            waiting.due_s = rules.clock() + rules.letter_retry_s
            kind, detail = SignalKind.DEAD_LETTER_FAILED, end.failure
            rules.tell(Signal(kind, place, record.offset(), key, detail=detail))
            return
        self.poisoned += 1
        detail = f"{waiting.cause.error}: {waiting.cause.text} ({waiting.cause.why})"
        rules.tell(Signal(SignalKind.POISONED, place, record.offset(), key, detail=detail))
        waiting.span.marks[record.offset() - waiting.span.first] = 1
        await self._advance(end.key)

    def _key(self, record: Record) -> Hashable:
        key = self._rules.key_of(record)
        # Without a key there is no order to keep: nothing shall wait behind it.
        return (record.topic(), record.partition(), record.offset()) if key is None else key

    def _hold(self, record: Record) -> None:
        self.finished_records -= 1
        self.finished_bytes -= len(record)

    def _finish(self, record: Record) -> None:
        self.finished_records += 1
        self.finished_bytes += len(record)
