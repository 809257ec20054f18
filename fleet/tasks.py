"""Lanes as tasks of one asyncio loop, for handlers that are ``async def``."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from fleet.crew import Bell, handling
from fleet.lane import Item, Lane, LaneRules, Leave, Run, Sweep
from fleet.record import AsyncHandler, Record


class TaskLane(Lane):
    """One task and its inbox; only ``put`` may be called from outside the loop."""

    def __init__(
        self,
        number: int,
        rules: LaneRules,
        handler: AsyncHandler,
        ring: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Begin with an empty inbox."""
        super().__init__(number, rules)
        self._handler, self._ring, self._loop = handler, ring, loop
        self._inbox: deque[Item] = deque()
        self._asleep: asyncio.Future[None] | None = None

    def put(self, item: Item) -> None:
        """Hand something over; any thread may. A loop that has ended takes nothing more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.take, item)

    def take(self, item: Item) -> None:
        """Hand something over, inside the loop."""
        self._inbox.append(item)
        self._wake()

    async def serve(self) -> None:
        """Work until told to leave."""
        while not isinstance(item := await self._next(), Leave):
            if type(item) is Run:
                light = self._rules.switch.light
                await (self._run_light(item) if light else self._run(item))
            if type(item) is not Run or len(self._room):
                await self._notice(item)
            self._ring()

    def _wake(self) -> None:
        if self._asleep is not None and not self._asleep.done():
            self._asleep.set_result(None)

    async def _next(self) -> Item | None:
        if not self._inbox:
            due_s, timer = self._room.next_due_s(), None
            self._asleep = self._loop.create_future()
            if due_s is not None:
                wait_s = max(0.0, due_s - self._rules.clock())
                timer = self._loop.call_later(wait_s, self._wake)
            await self._asleep
            self._asleep = None
            if timer is not None:
                timer.cancel()
        return self._inbox.popleft() if self._inbox else None

    async def _run(self, run: Run) -> None:
        handler, where, spans, room = self._handler, self._rules.where, run.spans, self._room
        for record in run.records:
            span = spans[where(record)]
            # Said before it is asked: whoever closes the watermark then looks here sees this one.
            self.current = record
            if not span.watermark.open or (room.waiting and self._stands_behind(record, span)):
                continue
            try:
                returned = await handler(record)
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
        return await self._handler(record)

    async def _call(self, part: Callable[[Any], object], given: object) -> object:
        return await cast(Awaitable[object], part(given))


class TaskCrew:
    """Every lane a task of one loop in a thread of its own."""

    def __init__(self, count: int, rules: LaneRules, handler: AsyncHandler) -> None:
        """Make the loop and the lanes."""
        self._bell = Bell()
        self._loop = asyncio.new_event_loop()
        self._tasks = tuple(
            TaskLane(n, rules, handler, self._bell.ring, self._loop) for n in range(count)
        )
        self.lanes: tuple[Lane, ...] = self._tasks
        self._thread = threading.Thread(target=self._serve, name="lanes", daemon=True)

    def start(self) -> None:
        """Let the lanes begin."""
        self._thread.start()

    def give(self, runs: Mapping[int, Run]) -> None:
        """Hand each lane its run; the loop is woken once."""
        self._loop.call_soon_threadsafe(self._deal, runs)

    def sweep(self) -> None:
        """Let the lanes drop what waits of partitions that were given back."""
        for lane in self.lanes:
            lane.put(Sweep())

    def await_room(self, timeout_s: float) -> None:
        """Return when a lane has finished a run, or after ``timeout_s``."""
        self._bell.wait(timeout_s)

    def end(self, timeout_s: float) -> int:
        """End the lanes; returns how many were still at a record after ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        for lane in self.lanes:
            lane.put(Leave())
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        return len(handling(self.lanes))

    def _deal(self, runs: Mapping[int, Run]) -> None:
        for number, run in runs.items():
            self._tasks[number].take(run)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve_all())
        self._loop.close()

    async def _serve_all(self) -> None:
        await asyncio.gather(*(lane.serve() for lane in self._tasks))
