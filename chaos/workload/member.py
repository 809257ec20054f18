"""What the members of the group do with a record: write it down. Called by the fleet, in lanes.

A row is with the kernel before the handler returns, so a commit says that every row below it is
kept. Who a member is stands in its environment: the fleet knows nothing of the suite.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Protocol

from chaos.history.spool import Spool
from chaos.history.tables import CONSUMED_TABLE, PARTS_TABLE, Part
from chaos.payload import KEYS, attribute
from chaos.workload.pace import Paces
from chaos.workload.spec import MEMBER, MemberSpec, say

REPORT_S = 0.25
_LOCK = threading.Lock()
_PACES = Paces()


class Record(Protocol):
    """What the fleet hands over: the client's own record."""

    def partition(self) -> int | None:
        """Of its topic."""

    def offset(self) -> int | None:
        """In its partition."""

    def value(self) -> bytes | None:
        """Whatever was produced."""


class Member:
    """One process; used under the lock."""

    def __init__(self, spec: MemberSpec) -> None:
        """Begin its rows, and to report every quarter of a second."""
        self._spec = spec
        self._spool = Spool(spec.history, CONSUMED_TABLE, f"m{spec.index}")
        self._positions: dict[int, int] = {}
        self._count = 0
        threading.Thread(target=self._report, name="report", daemon=True).start()

    def take(self, record: Record) -> None:
        """Write one record down."""
        partition, offset = record.partition() or 0, record.offset() or 0
        read_ns = time.monotonic_ns()
        producer, sequence, intact = attribute(record.value() or b"", self._spec.run, partition)
        self._spool.add(
            (partition, self._spec.index, offset, producer, sequence, read_ns, int(intact))
        )
        self._spool.flush()
        self._count += 1
        self._passed(partition, offset)

    def take_part(self, record: Record, part: Part) -> None:
        """Write down what was done of one record, or that nothing is done of it now."""
        partition, offset = record.partition() or 0, record.offset() or 0
        at_ns = time.monotonic_ns()
        producer, sequence, _ = attribute(record.value() or b"", self._spec.run, partition)
        self._parts.add((partition, self._spec.index, offset, producer, sequence, at_ns, part))
        self._parts.flush()
        if part is Part.PASSED:
            self._passed(partition, offset)

    @cached_property
    def _parts(self) -> Spool:
        """Only where there are any."""
        return Spool(self._spec.history, PARTS_TABLE, f"m{self._spec.index}")

    def _passed(self, partition: int, offset: int) -> None:
        self._positions[partition] = max(self._positions.get(partition, 0), offset + 1)

    def _report(self) -> None:
        end = threading.Event()
        while not end.wait(REPORT_S):
            with _LOCK:
                count, self._count = self._count, 0
                positions = dict(self._positions)
            say("reads", member=self._spec.index, count=count, positions=positions)


def process(record: Record) -> None:
    """Write a record down."""
    with _LOCK:
        _member().take(record)


def part_done(record: Record, part: Part) -> None:
    """Write down what was done of a record."""
    with _LOCK:
        _member().take_part(record, part)


def work(share: float) -> None:
    """Be at a record for this share of what one takes."""
    _PACES.work(share * own_spec().record_s)


def handle(record: Record) -> None:
    """The handler."""
    work(1.0)
    process(record)


def key(record: Record) -> int:
    """The key: the records of one producer are spread over ``KEYS`` of them."""
    partition, value = record.partition() or 0, record.value() or b""
    producer, sequence, _ = attribute(value, own_spec().run, partition)
    return producer * KEYS + sequence % KEYS


@cache
def own_spec() -> MemberSpec:
    """What this process was told."""
    fields: Mapping[str, object] = json.loads(os.environ[MEMBER])
    return MemberSpec(**fields)  # type: ignore[arg-type]


@cache
def _member() -> Member:
    return Member(own_spec())
