"""All lanes of one member, of either kind, as the polling thread sees them."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fleet.lane import Lane, Run
from fleet.pressure import Load
from fleet.record import Partition, Record, partition_of


@dataclass(frozen=True, slots=True)
class CrewFigures:
    """What the lanes have done since they began.

    Attributes:
        finished: Records and bytes that are no longer in flight.
        handling: Lanes whose handler is at a record.
        waiting_keys: Keys whose first record waits for another attempt.
        deferred: Records of which the essential part alone was done.
        skipped: Records of which nothing was done.
    """

    finished: Load
    handling: int
    waiting_keys: int
    retried: int
    poisoned: int
    deferred: int = 0
    skipped: int = 0


class Crew(Protocol):
    """Lanes as threads, or lanes as tasks of one loop."""

    lanes: tuple[Lane, ...]

    def start(self) -> None:
        """Let the lanes begin."""
        ...

    def give(self, runs: Mapping[int, Run]) -> None:
        """Hand each lane its run."""
        ...

    def sweep(self) -> None:
        """Let the lanes drop what waits of partitions that were given back."""
        ...

    def await_room(self, timeout_s: float) -> None:
        """Return when a lane has finished a run, or after ``timeout_s``."""
        ...

    def end(self, timeout_s: float) -> int:
        """End the lanes; returns how many were still at a record after ``timeout_s``."""
        ...


class Bell:
    """Lets the polling thread wait for lanes; costs them one look while nobody waits."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._event = threading.Event()
        self._awaited = False

    def ring(self) -> None:
        """Something was finished."""
        if self._awaited:
            self._event.set()

    def wait(self, timeout_s: float) -> None:
        """Wait for the next ring."""
        self._awaited = True
        self._event.wait(timeout_s)
        self._awaited = False
        self._event.clear()


def finished(lanes: Iterable[Lane]) -> Load:
    """What the lanes have finished so far; never more than they really have."""
    records = size = 0
    for lane in lanes:
        records += lane.finished_records
        size += lane.finished_bytes
    return Load(records, size)


def figures(crew: Crew) -> CrewFigures:
    """Everything that can be counted of a crew."""
    lanes = crew.lanes
    return CrewFigures(
        finished=finished(lanes),
        handling=sum(lane.current is not None for lane in lanes),
        waiting_keys=sum(lane.waiting_keys for lane in lanes),
        retried=sum(lane.retried for lane in lanes),
        poisoned=sum(lane.poisoned for lane in lanes),
        deferred=sum(lane.deferred for lane in lanes),
        skipped=sum(lane.skipped for lane in lanes),
    )


def handling(lanes: Iterable[Lane]) -> list[tuple[int, Record]]:
    """The lanes whose handler is at a record, and at which."""
    at = ((lane.number, lane.current) for lane in lanes)
    return [(number, record) for number, record in at if record is not None]


def handling_of(lanes: Iterable[Lane], partitions: set[Partition]) -> list[Record]:
    """The records of some partitions that a handler is at."""
    return [record for _, record in handling(lanes) if partition_of(record) in partitions]
