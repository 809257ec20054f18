"""What the dedup benchmark drives: records made here, lanes fed as a member feeds them."""

import time
from collections.abc import Callable, Hashable, Sequence
from operator import methodcaller
from typing import cast

from confluent_kafka import Message

from fleet.crew import finished
from fleet.dealing import Dealer, runs_of
from fleet.dedup import Claim, Standing, Tx
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.lane import Buried, LaneRules
from fleet.leases import Leases, Start
from fleet.once import Once
from fleet.record import Partition, Record, own_key
from fleet.retries import RetrySchedule
from fleet.run_lanes import run_crew
from fleet.signals import unheard
from fleet.waiting import Cause

PARTITIONS = 12
#: As many records as a poll hands over at most with 16 threads.
AT_ONCE = 1_024
#: As a member has by default.
IN_FLIGHT = 20_000
FIRST_MS = 1_700_000_000_000
_VALUE = b"v" * 1024
Opened = SqliteMemory | PostgresMemory


class Unremembering:
    """The same database without any memory: what is claimed is always new."""

    def __init__(self, inner: Opened) -> None:
        """Take everything else of another."""
        self.transaction, self.purge, self.close = inner.transaction, inner.purge, inner.close

    def claim(self, _: Tx, claims: Sequence[Claim]) -> list[Standing]:
        """Nothing is known."""
        return [Standing.NEW] * len(claims)


class Log:
    """Records as the client gives them: 1 KB each, 10,000 of them for a second."""

    def __init__(self, keys: int) -> None:
        """Begin every partition at 0."""
        self._keys, self._made = keys, 0
        self.ends = dict.fromkeys(range(PARTITIONS), 0)

    def poll(self) -> list[Record]:
        """The next of them; a key is always in the same partition, as with any producer."""
        made = []
        for number in range(self._made, self._made + AT_ONCE):
            key = number * 7919 % self._keys
            place, stamp = key % PARTITIONS, (1, FIRST_MS + number // 10)
            offset, named = self.ends[place], b"k%d" % key
            made.append(Message("t", place, offset, named, _VALUE, timestamp=stamp))
            self.ends[place] += 1
        self._made += AT_ONCE
        return cast(list[Record], made)


def handler_of(mark: str, work_us: int) -> Callable[[Record, Tx], object]:
    """Computes for a while, then its effect is a row."""
    insert = f"insert into effects values ({mark}, {mark})"
    work_s = work_us / 1e6

    def handle(record: Record, tx: Tx) -> None:
        until_s = time.thread_time() + work_s
        while time.thread_time() < until_s:
            pass
        tx.execute(insert, (record.partition(), record.offset()))

    return handle


class Driver:
    """Lanes that are fed as a member feeds them: at most so much in flight."""

    def __init__(self, once: Once, threads: int, log: Log) -> None:
        """Make the lanes."""
        where = methodcaller("partition")
        rules = LaneRules(own_key, where, RetrySchedule(), _unburied, unheard)
        self.crew, self.leases, self.given = run_crew(threads, rules, once), Leases(), 0
        self.dealer = Dealer(self.leases, where, _place)
        places = {Partition("t", p): Start(at) for p, at in log.ends.items()}
        self.leases.grant(places, 0.0)
        self.leases.settle()
        self.crew.start()

    def give(self, found: Sequence[Record]) -> None:
        """Hand over one poll, once there is room for it."""
        while self.given - finished(self.crew.lanes).records > IN_FLIGHT:
            self.crew.await_room(0.05)
        admitted, spans = self.dealer.admit(found)
        assert len(admitted) == len(found)
        self.given += len(admitted)
        self.crew.give(runs_of(admitted, spans, len(self.crew.lanes), own_key))

    def drain(self) -> None:
        """Wait until everything is done, and end."""
        while self.given > finished(self.crew.lanes).records:
            self.crew.await_room(0.05)
        assert self.crew.end(10) == 0

    def committed(self) -> dict[Partition, int]:
        """What the group would have committed."""
        found = {lease.partition: lease.watermark.position() for lease in self.leases}
        return {place: offset for place, offset in found.items() if offset is not None}


def _place(place: Hashable) -> Partition:
    return Partition("t", cast(int, place))


def _unburied(record: Record, cause: Cause, _: Buried) -> None:
    raise RuntimeError(f"{record.offset()}: {cause.error}: {cause.text}")
