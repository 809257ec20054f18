"""Lanes as threads, for handlers that are plain functions."""

import queue
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fleet.crew import Bell, handling
from fleet.lane import Item, Lane, LaneRules, Leave, Run, Sweep
from fleet.record import Record, SyncHandler


class ThreadLane(Lane):
    """One thread and its inbox."""

    def __init__(
        self, number: int, rules: LaneRules, handler: SyncHandler, ring: Callable[[], None]
    ) -> None:
        """Begin with an empty inbox; the thread begins with ``start``."""
        super().__init__(number, rules)
        self._handler, self._ring = handler, ring
        self._inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        # A handler that hangs for ever must not keep the process from its end.
        self.thread = threading.Thread(target=self._serve, name=f"lane-{number}", daemon=True)

    def put(self, item: Item) -> None:
        """Hand something over; any thread may."""
        self._inbox.put(item)

    def _serve(self) -> None:
        while not isinstance(item := self._next(), Leave):
            if type(item) is Run:
                self._run(item)
            if type(item) is not Run or len(self._room):
                _at_once(self._notice(item))
            self._ring()

    def _next(self) -> Item | None:
        due_s = self._room.next_due_s()
        if due_s is None:
            return self._inbox.get()
        try:
            return self._inbox.get(timeout=max(0.0, due_s - self._rules.clock()))
        except queue.Empty:
            return None

    def _run(self, run: Run) -> None:
        # The loop that every record goes through: what it calls is what a record costs.
        handler, where, spans, room = self._handler, self._rules.where, run.spans, self._room
        for record in run.records:
            span = spans[where(record)]
            # Said before it is asked: whoever closes the watermark then looks here sees this one.
            self.current = record
            if not span.watermark.open or (room.waiting and self._stands_behind(record, span)):
                continue
            try:
                returned = handler(record)
                if returned is not None:
                    raise self._misreturned(returned)
            except BaseException as error:
                self._failed(record, span, 1, error)
                continue
            span.marks[record.offset() - span.first] = 1
        self.current = None
        self.finished_bytes += run.bytes
        self.finished_records += len(run.records)

    async def _handle(self, record: Record) -> object:
        return self._handler(record)


class ThreadCrew:
    """Every lane a thread; the interpreter runs one at a time, and all wait at the same time."""

    def __init__(self, count: int, rules: LaneRules, handler: SyncHandler) -> None:
        """Make the lanes."""
        self._bell = Bell()
        self._threads = tuple(ThreadLane(n, rules, handler, self._bell.ring) for n in range(count))
        self.lanes: tuple[Lane, ...] = self._threads

    def start(self) -> None:
        """Let the lanes begin."""
        for lane in self._threads:
            lane.thread.start()

    def give(self, runs: Mapping[int, Run]) -> None:
        """Hand each lane its run."""
        lanes = self.lanes
        for number, run in runs.items():
            lanes[number].put(run)

    def sweep(self) -> None:
        """Let the lanes drop what waits of partitions that were given back."""
        for lane in self.lanes:
            lane.put(Sweep())

    def await_room(self, timeout_s: float) -> None:
        """Return when a lane has finished a run, or after ``timeout_s``."""
        self._bell.wait(timeout_s)

    def end(self, timeout_s: float) -> int:
        """End the lanes; returns how many were still at a record after ``timeout_s``."""
        for lane in self.lanes:
            lane.put(Leave())
        deadline_s = time.monotonic() + timeout_s
        for lane in self._threads:
            lane.thread.join(max(0.0, deadline_s - time.monotonic()))
        return len(handling(self.lanes))


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what never waits: the slow path is written once, for both kinds of lane."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a plain handler cannot wait")
