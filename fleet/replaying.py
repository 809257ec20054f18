"""What a fleet has put off, done: by lanes, in order per key, and crossed off as it is done."""

import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import methodcaller
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from blueprint.client_settings import Setting
from fleet.crew import finished
from fleet.dealing import Dealer, runs_of
from fleet.group import FleetError
from fleet.keys import checked, guarded
from fleet.lane import Bury, LaneRules
from fleet.leases import Leases, Start
from fleet.ledger import Owed, Replayed
from fleet.member import crew_of
from fleet.range_set import RangeSet
from fleet.record import Handler, KeyOf, Partition, Record, own_key, partition_of
from fleet.settings import FleetSettings
from fleet.signals import Signal, SignalKind, Tell
from fleet.split import Split
from fleet.watermark import Range

#: Nothing comes for so long, though something is owed: the replay gives up and says so.
SILENT_S = 60.0
_POLL_S, _CROSS_OFF_S, _MOST = 0.1, 0.5, 1000
#: Farther ahead than this a partition is read from there on instead of read through.
_JUMP = 5_000
#: Beyond every offset.
_FAR = 1 << 62

#: Writes down durably that some records are done; raises FleetError where it cannot.
CrossOff = Callable[[Sequence[Replayed]], None]


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """How a replay ended.

    Attributes:
        replayed: Records that were done, dead letters among them.
        gone: Records that were deleted before they were replayed; they are crossed off.
        left: Records that are still owed.
        dead_letters: How many could not be done.
        unburied: Dead letters not known to be written.
    """

    replayed: int
    gone: int
    left: int
    dead_letters: int
    unburied: int = 0

    @property
    def clean(self) -> bool:
        """Whether all that was owed is done."""
        return not (self.gone or self.left or self.unburied)


def handler_of(split: Split, owed: Mapping[Partition, Owed]) -> Handler:
    """Does of each record what was put off: all of it, or all but its essential part."""

    def part_of(record: Record) -> Callable[[Record], object]:
        skipped = record.offset() in owed[partition_of(record)].skipped
        return split if skipped else split.rest

    def now(record: Record) -> object:
        return part_of(record)(record)

    async def later(record: Record) -> object:
        return await cast(Awaitable[object], part_of(record)(record))

    return later if split.is_async else now


class Replay:
    """Runs once, in one thread; ``stop`` may be called from any."""

    def __init__(
        self,
        settings: FleetSettings,
        client: Mapping[str, Setting],
        split: Split,
        owed: Mapping[Partition, Owed],
        bury: Bury,
        cross_off: CrossOff,
        *,
        key_of: KeyOf | None = None,
        tell: Tell,
    ) -> None:
        """Prepare; nothing is read before ``run``."""
        self._settings, self._tell, self._cross_off = settings, tell, cross_off
        self._owed = {p: found.every() for p, found in owed.items() if found.every()}
        self._left = {p: RangeSet(every) for p, every in self._owed.items()}
        handler = handler_of(split, owed)
        if key_of is not None:
            handler, key_of = checked(key_of, handler), guarded(key_of)
        self._key_of: KeyOf = methodcaller("key") if key_of is None else key_of
        schedule = settings.retry.schedule()
        rules = LaneRules(key_of or own_key, partition_of, schedule, bury, tell)
        self._crew = crew_of(settings.lanes, rules, handler)
        self._leases = Leases()
        self._dealer = Dealer(self._leases, partition_of, lambda place: cast(Partition, place))
        self._reader = Consumer(dict(client))
        self._stopped = threading.Event()
        self._given = self._gone = 0
        self._moved_s = self._crossed_s = time.monotonic()

    def stop(self) -> None:
        """Ask it to end in order."""
        self._stopped.set()

    def run(self, each_turn: Callable[[], None]) -> ReplayEnd:
        """Do what is owed.

        Args:
            each_turn: Called between two polls; raises what must end the replay.

        Raises:
            FleetError: The source or the ledger cannot be had, or nothing moves any more.
        """
        self._crew.start()
        self._begin()
        try:
            while any(self._left.values()) and not self._stopped.is_set():
                each_turn()
                self._turn()
        finally:
            for lease in self._leases:
                lease.watermark.close()
            self._crew.sweep()
            self._crew.end(self._settings.drain_deadline_s)
            self._reader.close()
            self._note()
        left = sum(ranges.count() for ranges in self._left.values())
        done = sum(ranges.count() for ranges in self._owed.values()) - left - self._gone
        return ReplayEnd(done, self._gone, left, sum(n.poisoned for n in self._crew.lanes))

    def _begin(self) -> None:
        """Take partitions over at their first owed record; what is not owed counts as done."""
        starts, places = {}, []
        for partition, ranges in self._owed.items():
            first = next(iter(ranges)).first
            rest = Range(max(found.end for found in ranges), _FAR)
            starts[partition] = Start(first, (*ranges.gaps(), rest))
            places.append(TopicPartition(partition.topic, partition.number, first))
        for lease in self._leases.grant(starts, time.monotonic()):
            # Nobody else's position can come up here: it is this reader's first.
            lease.fresh, lease.proven = False, True
        self._reader.assign(places)

    def _turn(self) -> None:
        now_s = time.monotonic()
        in_flight = self._given - finished(self._crew.lanes).records
        if in_flight >= self._settings.in_flight_records:
            self._crew.await_room(_POLL_S)
        else:
            self._take(self._reader.consume(_MOST, _POLL_S))
        if now_s - self._crossed_s >= _CROSS_OFF_S:
            self._crossed_s = now_s
            self._note()
        if now_s - self._moved_s > SILENT_S and not in_flight:
            left = ", ".join(str(p) for p, ranges in self._left.items() if ranges)
            raise FleetError(f"nothing comes of {left} in {SILENT_S:g} s")

    def _take(self, messages: Sequence[Message]) -> None:
        """Records and errors in their order: an end that is met is behind what came before it."""
        for fails, stretch in groupby(messages, lambda message: message.error() is not None):
            if fails:
                for message in stretch:
                    self._meet(message)
            else:
                self._deal(cast(list[Record], list(stretch)))

    def _deal(self, records: Sequence[Record]) -> None:
        admitted, spans = self._dealer.admit(records)
        if admitted:
            runs = runs_of(admitted, spans, len(self._crew.lanes), self._key_of)
            self._given += len(admitted)
            self._crew.give(runs)
        self._moved_s = time.monotonic()
        self._jump({partition_of(record) for record in records})

    def _jump(self, read: set[Partition]) -> None:
        """Go on where the next owed record is; leave alone what has none."""
        for partition in read:
            lease = self._leases.find(partition)
            assert lease is not None
            at = lease.watermark.delivered_end
            ahead = next(iter(self._owed[partition].within(at, _FAR)), None)
            place = TopicPartition(partition.topic, partition.number)
            if ahead is None:
                self._reader.incremental_unassign([place])
            elif ahead.first - at > _JUMP:
                lease.watermark.skip_to(ahead.first)
                place.offset = ahead.first
                self._reader.incremental_unassign([place])
                self._reader.incremental_assign([place])

    def _meet(self, message: Message) -> None:
        error, topic, number = message.error(), message.topic(), message.partition()
        assert error is not None
        lease = None
        if topic is not None and number is not None:
            lease = self._leases.find(Partition(topic, number))
        if lease is not None and error.code() == KafkaError._PARTITION_EOF:
            # What is owed and was not read is no record, but a marker at the log's end.
            self._over(lease.partition)
        elif lease is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._begin_later(lease.partition)
        elif error.fatal() or error.code() in _HOPELESS:
            raise FleetError(f"{error.name()}: {error.str()}")
        else:
            said = f"{error.name()}: {error.str()}"
            self._tell(Signal(SignalKind.CLIENT_ERROR, detail=said))

    def _over(self, partition: Partition) -> None:
        lease = self._leases.find(partition)
        assert lease is not None
        lease.watermark.skip_to(max(found.end for found in self._owed[partition]))
        self._moved_s = time.monotonic()

    def _begin_later(self, partition: Partition) -> None:
        """What was owed is not in the log any more: say how much, and go on with what is."""
        place = TopicPartition(partition.topic, partition.number)
        try:
            low, high = self._reader.get_watermark_offsets(place, timeout=SILENT_S)
        except KafkaException as error:
            raise FleetError(f"{partition}: {error.args[0].str()}") from None
        lease = self._leases.find(partition)
        assert lease is not None
        at = lease.watermark.delivered_end
        begin = max(found.end for found in self._owed[partition]) if at > high else low
        gone = self._owed[partition].within(at, begin).count()
        self._gone += gone
        lease.watermark.skip_to(begin)
        detail = f"{gone:,} records were deleted before they were replayed"
        self._tell(Signal(SignalKind.OVERTAKEN, partition, at, detail=detail))
        place.offset = begin
        self._reader.incremental_unassign([place])
        if self._owed[partition].within(begin, _FAR):
            self._reader.incremental_assign([place])

    def _note(self) -> None:
        """Cross off what is done; what cannot be crossed off now is tried again."""
        done = []
        for lease in self._leases:
            left, watermark = self._left[lease.partition], lease.watermark
            position = watermark.position() or 0
            passed = left.within(0, position)
            for part in left.common(watermark.done_above(position)):
                # The gaps between what is owed were said to be done: they are in no `left`.
                passed.add(*part)
            if passed:
                done.append(Replayed(lease.partition, tuple(passed)))
        if done:
            self._cross_off(done)
            self._moved_s = time.monotonic()
        for entry in done:
            for part in entry.ranges:
                self._left[entry.partition].remove(*part)


_HOPELESS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_VERSION,
    }
)
