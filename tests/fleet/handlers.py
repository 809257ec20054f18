"""Handlers that the tests' fleets run: each writes down what it was given before it returns."""

import asyncio
import os
import time
from pathlib import Path
from urllib.parse import quote

from fleet.dedup import Tx
from fleet.record import Record

#: The file that all members of a test append to; one write is one line, whole and in order.
JOURNAL = "QUORATE_TEST_JOURNAL"
#: How long a record takes, in milliseconds.
WORK_MS = "QUORATE_TEST_WORK_MS"
#: While this file exists a handler hangs.
HANGS = "QUORATE_TEST_HANGS"

_work_s = float(os.environ.get(WORK_MS, "1")) / 1000
_journal = (
    os.open(os.environ[JOURNAL], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    if (JOURNAL in os.environ)
    else -1
)


def _write(record: Record) -> None:
    key = quote(record.key() or b"-")
    value = quote((record.value() or b"").split(b" ", 1)[0][:20])
    line = f"{record.partition()} {record.offset()} {key} {value} {os.getpid()}\n"
    os.write(_journal, line.encode())


def write_down(record: Record) -> None:
    """Take a while, then write it down."""
    time.sleep(_work_s)
    _write(record)


async def write_down_later(record: Record) -> None:
    """Take a while without holding the loop, then write it down."""
    await asyncio.sleep(_work_s)
    _write(record)


def hang_or_poison(record: Record) -> None:
    """Hang on ``hang`` while the file says so, fail on ``poison``, return wrongly on ``wrong``."""
    value = record.value() or b""
    while value == b"hang" and Path(os.environ[HANGS]).exists():
        time.sleep(0.02)
    if value == b"poison":
        raise ValueError("this cannot be handled")
    _write(record)


def stand_still(record: Record) -> None:
    """Come to no end at any record."""
    _write(record)
    while Path(os.environ[HANGS]).exists():
        time.sleep(0.05)


def return_something(record: Record) -> int:
    """Write it down and return what a handler must not return."""
    _write(record)
    return record.offset()


#: Not something that is called.
number = 3


def apply_once(record: Record, tx: Tx) -> None:
    """Take a while; the effect is a row, in PostgreSQL."""
    time.sleep(_work_s)
    value = (record.value() or b"").split(b" ", 1)[0].decode()
    place = (record.partition(), record.offset(), (record.key() or b"").decode(), value)
    tx.execute("insert into effects (place, log_offset, key, value) values (%s, %s, %s, %s)", place)


async def apply_later(record: Record, tx: Tx) -> None:
    """What a fleet with a database refuses."""
