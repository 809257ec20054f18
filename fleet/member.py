"""One member of a fleet: its consumer, its lanes, and the loop between them.

The loop's thread alone talks to the group. It asks for what there is room for, deals it out,
commits what is done, and says what hangs or stands.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import cast

from confluent_kafka import KafkaError, Message

from blueprint.client_settings import Setting
from fleet.catching_up import CatchingUp
from fleet.crew import Crew, CrewFigures, figures, finished, handling
from fleet.damage import Damage
from fleet.dealing import Dealer, PartitionAt, runs_of
from fleet.group import FleetError, GroupEdge
from fleet.keeping_up import KeepingUp
from fleet.keys import checked, guarded, is_async
from fleet.lane import Bury, LaneRules, Where
from fleet.leases import Leases
from fleet.oddities import Oddities
from fleet.once import Once
from fleet.pressure import Flow, Gate, Load
from fleet.record import (
    AsyncHandler,
    Handler,
    KeyOf,
    Partition,
    Record,
    named,
    own_key,
    partition_of,
)
from fleet.run_lanes import run_crew
from fleet.settings import FleetSettings
from fleet.signals import Signal, SignalKind, Tell, to_stderr
from fleet.split import Split, Switch
from fleet.tasks import TaskCrew
from fleet.threads import ThreadCrew
from fleet.watchdog import Hung, Watchdog

#: Records asked for at once: enough for a run of 16 a lane, at least 1,000 (0.44 us each then).
LEAST_AT_ONCE, RUN_LENGTH = 1000, 16
_POLL_S = 0.1
_HOLD_S = 0.01
_LOOK_S = 0.25
_LAG_LOOK_S = 1.0
_error_of = methodcaller("error")


@dataclass(frozen=True, slots=True)
class MemberFigures:
    """What one member is at; everything a metric could be made of.

    Attributes:
        in_flight: Read and not done.
        flow: Whether it takes records.
        light: Whether it catches up, doing the essential alone.
        partitions: How many it has.
        assigned: Whether the group has said which ones; it says nothing to one that gets none.
        joined_s: When it asked to be a member, on the monotonic clock; None before that.
        leaving: Whether it was asked to end.
        hanging: Lanes whose handler has been at one record for too long.
        standing: Partitions with work that have not moved for too long.
        lags: Records that each partition is behind, as far as its end was seen.
        keeps_up: Whether all of that is normal, or falls.
        turned_s: When its loop went round last, on the monotonic clock.
    """

    delivered: Load
    in_flight: Load
    flow: Flow
    partitions: int
    assigned: bool
    joined_s: float | None
    leaving: bool
    hanging: int
    standing: int
    lags: Mapping[Partition, int]
    keeps_up: bool
    turned_s: float
    crew: CrewFigures
    light: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a member ended.

    Attributes:
        abandoned: Handlers still at a record when the deadline passed; their records will be
            handled again.
        uncommitted: Partitions whose last commit was refused.
        unburied: Dead letters not known to be written; their records will be handled again.
    """

    abandoned: int
    uncommitted: int
    unburied: int

    @property
    def clean(self) -> bool:
        """Whether nothing will be done twice because of it."""
        return not (self.abandoned or self.uncommitted or self.unburied)


class Member:
    """Runs until it is stopped; ``stop`` and ``figures`` may be called from any thread."""

    def __init__(
        self,
        settings: FleetSettings,
        client: Mapping[str, Setting],
        handler: Handler,
        bury: Bury,
        *,
        key_of: KeyOf | None = None,
        tell: Tell = to_stderr,
        catching_up: CatchingUp | None = None,
    ) -> None:
        """Prepare; it joins its group with ``run``.

        Without ``catching_up`` both parts of a ``Split`` are always done.
        """
        self._settings, self._tell = settings, tell
        self._catching_up = catching_up if isinstance(handler, Split) else None
        if key_of is not None:
            handler, key_of = checked(key_of, handler), guarded(key_of)
        self._key_of: KeyOf = methodcaller("key") if key_of is None else key_of
        self._leases = Leases(keeps=self._catching_up is not None)
        self._gate, self._switch = Gate(settings.bounds), Switch()
        one_topic = settings.topics[0] if len(settings.topics) == 1 else None
        self._where: Where = methodcaller("partition") if one_topic else partition_of
        rules = LaneRules(
            own_key if key_of is None else key_of,
            self._where,
            settings.retry.schedule(),
            bury,
            tell,
            split=handler if isinstance(handler, Split) else None,
            switch=self._switch,
            light_batch=settings.catch_up.batch_records,
        )
        self._crew = crew_of(settings.lanes, rules, handler)
        self._dealer = Dealer(self._leases, self._where, _partition_at(one_topic))
        journal = None if self._catching_up is None else self._catching_up.journal
        self._group = GroupEdge(
            client, settings, self._leases, self._crew, tell, self._client_error, journal
        )
        self._consumer = self._group.consumer
        self._oddities = Oddities(self._group, Damage(client), self._leases, bury, tell)
        self._watchdog = Watchdog(settings.hung_after_s)
        self._usual = max(LEAST_AT_ONCE, RUN_LENGTH * len(self._crew.lanes))
        self._at_once = self._usual
        self._stopped = threading.Event()
        self._fatal: KafkaError | None = None
        self._joined_s: float | None = None
        self._hanging = self._standing = 0
        self._lags: Mapping[Partition, int] = {}
        self._keeping_up = KeepingUp()
        self._lag_looked_s = 0.0
        self._delivered = self._finished = Load(0, 0)
        self._record_bytes = 1024.0
        self._turned_s = self._looked_s = self._committed_s = time.monotonic()

    def stop(self) -> None:
        """Ask it to end in order: what runs may end, is committed, and the group is left."""
        self._stopped.set()

    def run(self) -> Ending:
        """Join, handle records until stopped, leave.

        Raises:
            FleetError: The group or its offsets cannot be had, or the client failed for good.
        """
        self._crew.start()
        self._group.join()
        self._joined_s = time.monotonic()
        try:
            while not self._stopped.is_set():
                self._turn()
        finally:
            abandoned, uncommitted = self._group.leave()
            if self._catching_up is not None:
                self._catching_up.journal.say()
        left = self._crew.end(1.0)
        return Ending(max(abandoned, left), uncommitted, 0)

    def figures(self) -> MemberFigures:
        """What it is at."""
        crew = figures(self._crew)
        return MemberFigures(
            delivered=self._delivered,
            in_flight=_minus(self._delivered, crew.finished),
            flow=self._gate.flow,
            partitions=len(self._leases),
            assigned=self._group.assigned,
            joined_s=self._joined_s,
            leaving=self._stopped.is_set(),
            hanging=self._hanging,
            standing=self._standing,
            lags=self._lags,
            keeps_up=self._keeping_up.good,
            turned_s=self._turned_s,
            crew=crew,
            light=self._switch.light,
        )

    def _turn(self) -> None:
        self._turned_s = now_s = time.monotonic()
        load = self._load()
        before, flow = self._gate.flow, self._gate.decide(load, now_s)
        if flow is not before:
            self._flow_changed(before, flow, load)
        if flow is Flow.HOLDING:
            self._crew.await_room(_HOLD_S)
        else:
            self._take(self._poll(self._gate.room(load, self._record_bytes)))
        self._tick(time.monotonic())

    def _load(self) -> Load:
        """What is in flight; counted anew only where the last count is not good enough."""
        load = _minus(self._delivered, self._finished)
        bounds = self._gate.bounds
        tight = load.records * 2 >= bounds.records or load.bytes * 2 >= bounds.bytes
        if tight or self._gate.flow is not Flow.OPEN:
            self._finished = finished(self._crew.lanes)
            load = _minus(self._delivered, self._finished)
        return load

    def _flow_changed(self, before: Flow, flow: Flow, load: Load) -> None:
        if flow is Flow.PAUSED:
            self._group.pause()
            detail = f"{load.records:,} records, {load.bytes:,} bytes in flight"
            self._tell(Signal(SignalKind.PAUSED, detail=detail))
        elif before is Flow.PAUSED:
            self._group.resume()
            self._tell(Signal(SignalKind.RESUMED))

    def _poll(self, most: int) -> list[Message]:
        # One with a wait, the rest without: a longer wait for many would delay the first of them.
        found = self._consumer.consume(1, _POLL_S)
        if found and most > 1:
            found += self._consumer.consume(min(most, self._at_once) - 1, 0)
        return found

    def _take(self, messages: list[Message]) -> None:
        if messages and any(map(_error_of, messages)):
            self._take_apart(messages)
        else:
            self._deal(messages)
        self._leases.settle()
        for partition, offset in self._dealer.anew().items():
            detail = "what came was not what was due; harmless, unless it goes on"
            self._tell(Signal(SignalKind.READ_ANEW, partition, offset, detail=detail))
            self._group.reposition(partition, offset)
        self._group.move()
        if self._gate.flow is Flow.PAUSED:
            self._group.pause()

    def _take_apart(self, messages: Sequence[Message]) -> None:
        """Records and errors in their order: what is before an error is not touched by it."""
        records: list[Message] = []
        for message in messages:
            if message.error() is None:
                records.append(message)
                continue
            self._deal(records)
            records = []
            self._fatal = self._oddities.meet(message) or self._fatal
        self._deal(records)

    def _deal(self, messages: Sequence[Message]) -> None:
        records, spans = self._dealer.admit(cast(Sequence[Record], messages))
        if not records:
            return
        runs = runs_of(records, spans, len(self._crew.lanes), self._key_of)
        size = sum(run.bytes for run in runs.values())
        self._record_bytes = size / len(records)
        # Counted before it is handed over: what is in flight is never less than nothing.
        self._delivered = Load(self._delivered.records + len(records), self._delivered.bytes + size)
        self._crew.give(runs)

    def _tick(self, now_s: float) -> None:
        if now_s - self._committed_s >= self._settings.commit_every_s:
            self._committed_s = now_s
            self._group.commit()
        if now_s - self._looked_s >= min(_LOOK_S, self._settings.hung_after_s / 2):
            self._looked_s = now_s
            self._say_what_hangs(now_s)
            self._choose_mode(now_s)
        if now_s - self._lag_looked_s >= _LAG_LOOK_S:
            self._lag_looked_s = now_s
            self._lags = self._group.lags()
            self._keeping_up.look(self._lags, now_s)
        if self._fatal is not None:
            raise FleetError(f"{self._fatal.name()}: {self._fatal.str()}")

    def _choose_mode(self, now_s: float) -> None:
        found = self._catching_up
        if found is not None and found.look(now_s):
            self._switch.light, self._gate.bounds = found.light, found.bounds
            self._at_once = found.factor * self._usual

    def _say_what_hangs(self, now_s: float) -> None:
        for hung in self._watchdog.look(handling(self._crew.lanes), now_s):
            self._tell(_hung_signal(hung))
        for stall in self._leases.stalls(now_s, self._settings.stalled_after_s):
            kind, detail = SignalKind.STALLED, "the lowest record that is not done"
            self._tell(Signal(kind, stall.partition, stall.offset, None, stall.seconds, detail))
        self._hanging, self._standing = self._watchdog.hanging, self._leases.standing

    def _client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        self._tell(Signal(SignalKind.CLIENT_ERROR, detail=f"{error.name()}: {error.str()}"))


def crew_of(lanes: int, rules: LaneRules, handler: Handler) -> Crew:
    """The lanes of a handler: tasks where it is ``async``, threads where not."""
    if is_async(handler):
        return TaskCrew(lanes, rules, cast(AsyncHandler, handler))
    if isinstance(handler, Once):
        return run_crew(lanes, rules, handler)
    return ThreadCrew(lanes, rules, handler)


def _partition_at(one_topic: str | None) -> PartitionAt:
    if one_topic is not None:
        return lambda place: Partition(one_topic, cast(int, place))
    return lambda place: cast(Partition, place)


def _minus(whole: Load, part: Load) -> Load:
    return Load(whole.records - part.records, whole.bytes - part.bytes)


def _hung_signal(hung: Hung) -> Signal:
    record = hung.record
    kind = SignalKind.HUNG_ENDED if hung.ended else SignalKind.HUNG
    detail = f"lane {hung.lane}; what is behind it in this lane waits"
    if hung.ended:
        detail = f"lane {hung.lane} goes on"
    place, key = partition_of(record), named(record.key())
    return Signal(kind, place, record.offset(), key, hung.seconds, detail)
