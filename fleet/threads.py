"""Lanes served by threads, for handlers that are plain functions.

Lanes that have work stand in one row; a thread takes the first, does its run, and goes on. Before
it does, it wakes one more thread if the row is not empty: a handler that waits lets the next thread
in at once, and so on until all work; a handler that does not wait never gives up the interpreter,
so that one or two threads do everything and nobody pays for waking the rest (10 us and more each,
and a thousand threads that want the interpreter at once are far worse).
"""

import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from fleet.crew import Bell, handling
from fleet.lane import Item, Lane, LaneRules, Run, Sweep
from fleet.record import Record, SyncHandler

#: More lanes than threads, so that a key that is slow has fewer others behind it; no more than so
#: many times, and none beyond ``ENOUGH_LANES``: runs would get short.
LANES_PER_THREAD, ENOUGH_LANES = 4, 256


class ThreadLane(Lane):
    """One lane: one thread at most is in it at any time."""

    def __init__(
        self,
        number: int,
        rules: LaneRules,
        handler: SyncHandler,
        offer: Callable[["ThreadLane"], None],
    ) -> None:
        """Begin with an empty inbox."""
        super().__init__(number, rules)
        self._handler, self._offer = handler, offer
        self.inbox: deque[Item] = deque()
        #: Held from the moment it is put into the row until its run is done.
        self.claim = threading.Lock()

    def put(self, item: Item) -> None:
        """Hand something over; any thread may."""
        self.inbox.append(item)
        self._offer(self)

    def serve(self) -> float | None:
        """Do the first of what was handed over; returns when an attempt is due, if one is."""
        try:
            item = self.inbox.popleft()
        except IndexError:
            # Between being handed over and being offered it was done already, by another thread.
            return None
        if type(item) is Run:
            if self._rules.switch.light:
                _at_once(self._run_light(item))
            else:
                self._run(item)
        if type(item) is not Run or self._room.waiting:
            _at_once(self._notice(item))
            return self._room.next_due_s()
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

    async def _call(self, part: Callable[[Any], object], given: object) -> object:
        return part(given)


#: Makes one lane of a crew.
MakeLane = Callable[
    [int, LaneRules, SyncHandler, Callable[[ThreadLane], None]],
    ThreadLane,
]


class ThreadCrew:
    """Lanes and the threads that serve them; as many handlers at once as there are threads."""

    def __init__(
        self,
        threads: int,
        rules: LaneRules,
        handler: SyncHandler,
        make: MakeLane = ThreadLane,
    ) -> None:
        """Make the lanes."""
        count = max(threads, min(LANES_PER_THREAD * threads, ENOUGH_LANES))
        self._bell = Bell()
        self._row: deque[ThreadLane] = deque()
        #: Holds a token while a thread is being woken.
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ended = False
        made = tuple(make(n, rules, handler, self.offer) for n in range(count))
        self._lanes = made
        self.lanes: tuple[Lane, ...] = made
        self._clock = _Clock(rules.clock)
        # A handler that hangs for ever must not keep the process from its end.
        self._threads = [
            threading.Thread(target=self._serve, name=f"lanes-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        """Let the lanes begin."""
        self._clock.start()
        for thread in self._threads:
            thread.start()

    def give(self, runs: Mapping[int, Run]) -> None:
        """Hand each lane its run."""
        lanes = self._lanes
        for number, run in runs.items():
            lanes[number].put(run)

    def sweep(self) -> None:
        """Let the lanes drop what waits of partitions that were given back."""
        for lane in self._lanes:
            lane.put(Sweep())

    def await_room(self, timeout_s: float) -> None:
        """Return when a lane has finished a run, or after ``timeout_s``."""
        self._bell.wait(timeout_s)

    def end(self, timeout_s: float) -> int:
        """End the threads; returns how many lanes were still at a record after ``timeout_s``."""
        self._ended = True
        self._clock.end()
        for _ in self._threads:
            self._wakes.put(None)
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return len(handling(self.lanes))

    def offer(self, lane: ThreadLane) -> None:
        """Put a lane into the row unless it stands there or is being served."""
        if lane.claim.acquire(blocking=False):
            self._row.append(lane)
            self._wake_one()

    def _wake_one(self) -> None:
        if not self._wakes.qsize():
            self._wakes.put(None)

    def _serve(self) -> None:
        row, wakes, bell = self._row, self._wakes, self._bell
        while not self._ended:
            try:
                lane = row.popleft()
            except IndexError:
                wakes.get()
                continue
            if row:
                self._wake_one()
            due_s = lane.serve()
            lane.claim.release()
            # Between its last look and the release something may have been handed over.
            if lane.inbox and lane.claim.acquire(blocking=False):
                row.append(lane)
            if due_s is not None:
                self._clock.at(due_s, lane)
            bell.ring()


class _Clock:
    """Wakes lanes for attempts that are due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._now = clock
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, ThreadLane]] = []
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name="lanes-clock", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def at(self, due_s: float, lane: ThreadLane) -> None:
        """Let a lane look at what waits in it, at a time; once for all that is asked alike."""
        with self._changed:
            entry = (due_s, lane.number, lane)
            if entry not in self._due:
                heapq.heappush(self._due, entry)
                self._changed.notify()

    def end(self) -> None:
        """End."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _serve(self) -> None:
        while True:
            with self._changed:
                if self._ended:
                    return
                if not self._due:
                    self._changed.wait()
                    continue
                wait_s = self._due[0][0] - self._now()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                _, _, lane = heapq.heappop(self._due)
            # Whatever is put makes a lane look at what is due; a sweep does nothing beside.
            lane.put(Sweep())


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what never waits: the slow path is written once, for both kinds of lane."""
    with suppress(StopIteration):
        work.send(None)
        work.close()
        raise RuntimeError("a plain handler cannot wait")
