"""A writer of an outbox: commits rows of the business with their events, and takes some back.

What it has committed is acknowledged; what it has rolled back, wholly or to a savepoint, must come
to nothing. Made of the fleet's own ``write``, as any user's would be.
"""

import random
import time
from enum import Enum, auto

import psycopg

from chaos.history.spool import Spool
from chaos.history.tables import PRODUCED_TABLE, Outcome
from chaos.payload import Encoder
from chaos.workload.acks import Acks
from chaos.workload.partitioning import key_into
from chaos.workload.spec import Orders, OutboxSpec, read_fields, say
from fleet.outbox import Event, write

_INSERT = "insert into business (place, producer, sequence) values (%s, %s, %s)"


class Fate(Enum):
    """What becomes of a transaction."""

    COMMITTED = auto()
    ROLLED_BACK = auto()
    ROLLED_BACK_IN_PART = auto()


#: Enough of each that a run has hundreds, and most are what is published.
_SHARES = {Fate.COMMITTED: 0.85, Fate.ROLLED_BACK: 0.1, Fate.ROLLED_BACK_IN_PART: 0.05}


class Writer:
    """Paces the transactions; one connection, one after the other."""

    def __init__(self, spec: OutboxSpec, spool: Spool, orders: Orders) -> None:
        """Prepare."""
        self._spec, self._spool, self._orders = spec, spool, orders
        self._encoder = Encoder(spec.run, spec.index, spec.record_bytes, spec.seed + spec.index)
        self._chance = random.Random(spec.seed * 1000 + spec.index)
        self._keys = [key_into(p, spec.partitions) for p in range(spec.partitions)]
        self._sequences = [0] * spec.partitions
        # What is offered is what is committed; what is taken back comes on top of it.
        self._per_s = spec.rate_per_s / _SHARES[Fate.COMMITTED]
        self._sent = 0
        self._acks = Acks()
        self._began_s = time.monotonic()

    def run(self) -> None:
        """Write until told to stop."""
        say("producer-start", producer=self._spec.index, zone=self._spec.zone)
        while not self._orders.stop.is_set():
            with psycopg.connect(self._spec.dsn, autocommit=True) as connection:
                self._serve(connection)
        due, sent = self._due(), self._sent
        self._report(now=True)
        self._spool.flush()
        counts = {"due": due, "sent": sent, "blocked": 0, "attempts": sent, "rows": sent}
        say("producer-exit", producer=self._spec.index, **counts)

    def _serve(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        """Until told to stop, or the connection is lost."""
        while not self._orders.stop.is_set() and not connection.closed:
            if self._sent < self._due():
                self._send(connection)
            else:
                next_s = self._began_s + (self._sent + 1) / self._per_s
                self._orders.stop.wait(max(0.0, next_s - time.monotonic()))
            self._report()

    def _due(self) -> int:
        return int((time.monotonic() - self._began_s) * self._per_s)

    def _send(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        spec = self._spec
        partition = (self._sent + spec.index) % spec.partitions
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        self._sent += 1
        event = Event(spec.topic, self._keys[partition], self._encoder.encode(partition, sequence))
        row = (partition, spec.index, sequence)
        send_ns = time.monotonic_ns()
        outcome = self._transaction(connection, row, event)
        done_ns = time.monotonic_ns()
        self._spool.add((*row, send_ns, done_ns, outcome, -1, 0))
        if outcome is Outcome.OK:
            self._acks.took_ms.append((done_ns - send_ns) / 1e6)

    def _transaction(
        self,
        connection: "psycopg.Connection[tuple[object, ...]]",
        row: tuple[int, int, int],
        event: Event,
    ) -> Outcome:
        [fate] = self._chance.choices(list(_SHARES), list(_SHARES.values()))
        try:
            with connection.transaction() as whole:
                if fate is Fate.ROLLED_BACK_IN_PART:
                    with connection.transaction() as part:
                        _put(connection, row, event)
                        raise psycopg.Rollback(part)
                else:
                    _put(connection, row, event)
                    if fate is Fate.ROLLED_BACK:
                        raise psycopg.Rollback(whole)
        except psycopg.Error:
            # A commit that was asked for and not answered may have happened.
            return Outcome.UNKNOWN
        return Outcome.OK if fate is Fate.COMMITTED else Outcome.ROLLED_BACK

    def _report(self, *, now: bool = False) -> None:
        # Nobody knows yet where in the log anything will be, and nothing is under way.
        self._acks.report(self._spec.index, 0, now=now)


def _put(
    connection: "psycopg.Connection[tuple[object, ...]]", row: tuple[int, int, int], event: Event
) -> None:
    connection.execute(_INSERT, row)
    write(connection, [event])


def main() -> int:
    """Run one writer until it is told to stop."""
    spec = OutboxSpec(**read_fields())
    with Spool(spec.history, PRODUCED_TABLE, f"p{spec.index}") as spool:
        Writer(spec, spool, Orders()).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
