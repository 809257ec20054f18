"""Handlers whose records have an effect in a database beside, as users write them, well and badly.

One way for each of ``Effects``. An effect is a row, and nothing keeps there from being two of it:
what is judged is the fleet, not a unique index.
"""

import sqlite3
import threading
import time
from functools import cache
from queue import SimpleQueue
from typing import Any, Protocol

import psycopg

from blueprint.fleet_options import SQLITE
from chaos.payload import attribute
from chaos.workload.member import Record, own_spec, process

#: Longer than the fleet is between two commits, so that there is always something that was
#: committed and is not done; shorter than a lag that an experiment takes for a bad sign.
EARLY_S = 0.7
BUSY_TIMEOUT_S = 30.0
_INSERT = "insert into effect (place, log_offset, producer, sequence) values (?, ?, ?, ?)"
_LOCK = threading.Lock()


class Tx(Protocol):
    """The transaction that the fleet remembers in."""

    def execute(self, sql: str, values: object = None) -> object:
        """Run a statement."""


def exactly_once(record: Record, tx: Tx) -> None:
    """The effect is in the transaction that remembers it."""
    tx.execute(_insert(), _effect(record))
    process(record)


def at_least_once(record: Record) -> None:
    """The effect has a transaction of its own, and nobody remembers that there was one."""
    with _LOCK:
        _database().execute(_insert(), _effect(record))
    process(record)


def at_most_once(record: Record) -> None:
    """It returns, so the fleet commits; the record's turn comes later."""
    _later().put((time.monotonic() + EARLY_S, record))


def _effect(record: Record) -> tuple[int, int, int, int]:
    partition = record.partition() or 0
    producer, sequence, _ = attribute(record.value() or b"", own_spec().run, partition)
    return partition, record.offset() or 0, producer, sequence


@cache
def _insert() -> str:
    """In the database's own style."""
    return _INSERT if own_spec().effects.startswith(SQLITE) else _INSERT.replace("?", "%s")


@cache
def _database() -> Any:  # noqa: ANN401
    """Used under the lock; each statement is a transaction of its own."""
    database = own_spec().effects
    if not database.startswith(SQLITE):
        return psycopg.connect(database, autocommit=True)
    made = sqlite3.connect(
        database.removeprefix(SQLITE),
        BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    # What it was told outlives the process, though not a loss of power.
    made.execute("pragma synchronous = normal")
    return made


@cache
def _later() -> "SimpleQueue[tuple[float, Record]]":
    waiting: SimpleQueue[tuple[float, Record]] = SimpleQueue()

    def serve() -> None:
        while True:
            due_s, record = waiting.get()
            time.sleep(max(0.0, due_s - time.monotonic()))  # what it does first, whatever that is
            at_least_once(record)

    threading.Thread(target=serve, name="later", daemon=True).start()
    return waiting
