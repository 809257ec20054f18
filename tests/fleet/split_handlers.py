"""Handlers in two parts that write down which part was done of what."""

import os
import time
from collections.abc import Sequence

from fleet.record import Record
from fleet.split import Split

#: The file that all members of a test append to; one write is one line, whole and in order.
JOURNAL = "QUORATE_TEST_JOURNAL"
#: How long each part takes, in milliseconds.
WORK_MS = "QUORATE_TEST_WORK_MS"
#: Records whose number within their key divides by this may be skipped.
SKIP_EVERY = 5

_work_s = float(os.environ.get(WORK_MS, "1")) / 1000
_journal = (
    os.open(os.environ[JOURNAL], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    if (JOURNAL in os.environ)
    else -1
)


def _write(part: str, records: Sequence[Record]) -> None:
    lines = [
        f"{part} {r.partition()} {r.offset()} {(r.key() or b'').decode()} {number(r)}\n"
        for r in records
    ]
    os.write(_journal, "".join(lines).encode())


def number(record: Record) -> int:
    """Of the record within its key."""
    return int((record.value() or b"").split(b" ", 1)[0])


def skippable(record: Record) -> bool:
    """Whether all of it can wait."""
    return number(record) % SKIP_EVERY == 0


def essential(record: Record) -> None:
    """What cannot wait."""
    time.sleep(_work_s)
    _write("essential", [record])


def rest(record: Record) -> None:
    """What can."""
    time.sleep(_work_s)
    _write("rest", [record])


def essential_many(records: Sequence[Record]) -> None:
    """What cannot wait, of many at the price of one."""
    time.sleep(_work_s)
    _write("essential", records)


one_by_one = Split(essential=essential, rest=rest, skippable=skippable)
many = Split(essential=essential, rest=rest, skippable=skippable, essential_many=essential_many)
