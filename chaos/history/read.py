"""Reads a history that may be whole, cut short or tampered with, and says which."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chaos.history.tables import FINAL_TABLE, SCHEMA, TABLES, Table
from chaos.history.write import EVENTS, MANIFEST, digest

Columns = Mapping[str, np.ndarray]
Event = Mapping[str, object]


class Incomplete(Exception):
    """The history ends before the run did: INCONCLUSIVE."""


class Damaged(Exception):
    """The history is not what was written: INVALID."""


@dataclass(frozen=True)
class History:
    """One run's history. Columns are read a partition at a time, and only those asked for.

    Attributes:
        folder: Where it is.
        events: Every event in the order in which it was logged.
        rows: The rows of each file, by its name.
    """

    folder: Path
    events: tuple[Event, ...]
    rows: Mapping[str, int] = field(repr=False)

    def of_kind(self, *kinds: str) -> Iterator[Event]:
        """The events of these kinds, in order."""
        return (event for event in self.events if event["kind"] in kinds)

    def one(self, kind: str) -> Event | None:
        """The first event of a kind, if there is one."""
        return next(self.of_kind(kind), None)

    @cached_property
    def partitions(self) -> tuple[int, ...]:
        """The partitions that were produced to or read."""
        return tuple(sorted({int(Path(name).stem) for name in self.rows if "/" in name}))

    @cached_property
    def replicas(self) -> tuple[int, ...]:
        """The brokers whose replicas were read at the end."""
        found = {name.split("/")[1] for name in self.rows if name.startswith("final/")}
        return tuple(sorted(int(replica) for replica in found))

    def columns(
        self, table: Table, partition: int, *names: str, replica: int | None = None
    ) -> Columns:
        """Columns of one partition as arrays of equal length; empty when there is no file.

        Raises:
            Damaged: The file cannot be read or has other rows than the manifest says.
        """
        name = table.file(partition, replica)
        if name not in self.rows:
            return {column: np.zeros(0, dtype=table.dtype[column]) for column in names}
        try:
            read = pq.read_table(
                self.folder / name, columns=list(names), use_threads=False, memory_map=True
            )
            arrays = {column: read[column].to_numpy() for column in names}
        except (OSError, pa.ArrowException, KeyError) as error:
            raise Damaged(f"{name}: {_first_line(error)}") from None
        if any(len(array) != self.rows[name] for array in arrays.values()):
            raise Damaged(f"{name}: its rows are not the {self.rows[name]} of the manifest")
        return arrays


def open_history(folder: Path) -> History:
    """Read the events and the manifest and compare every file with its digest.

    Raises:
        Incomplete: The run did not come to its end, or a file is missing or cut short.
        Damaged: A file differs from what was written.
    """
    listed = _manifest(folder)
    for name, (_, sha256) in listed.items():
        path = folder / name
        if not path.is_file():
            raise Incomplete(f"{name}: the manifest lists it and it is not there")
        if digest(path) != sha256:
            raise Damaged(f"{name}: its content is not what the manifest says")
    rows = {name: count for name, (count, _) in listed.items()}
    return History(folder, _events(folder / EVENTS), rows)


def _manifest(folder: Path) -> dict[str, tuple[int, str]]:
    path = folder / MANIFEST
    if not path.is_file():
        raise Incomplete(f"{MANIFEST}: missing; the run did not come to its end")
    try:
        said = json.loads(path.read_bytes())
        if said["schema"] != SCHEMA:
            raise Damaged(f"{MANIFEST}: schema {said['schema']!r}; this version reads {SCHEMA}")
        listed = {
            _known(item["name"]): (int(item["rows"]), str(item["sha256"])) for item in said["files"]
        }
    except (ValueError, KeyError, TypeError, UnicodeDecodeError, RecursionError):
        raise Damaged(f"{MANIFEST}: not a manifest") from None
    if EVENTS not in listed:
        raise Damaged(f"{MANIFEST}: it does not list {EVENTS}")
    return listed


def _known(name: object) -> str:
    """A file that a history may have; a name that leads elsewhere is not one."""
    if name == EVENTS:
        return EVENTS
    table, _, rest = str(name).partition("/")
    replica, _, stem = rest.removesuffix(".parquet").rpartition("/")
    with_replica = table == FINAL_TABLE.name
    legal = (
        table in TABLES
        and rest.endswith(".parquet")
        and stem.isdecimal()
        and (replica.isdecimal() if with_replica else not replica)
    )
    if not legal:
        raise ValueError(name)
    return str(name)


def _events(path: Path) -> tuple[Event, ...]:
    events = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            event = json.loads(line)
            if not isinstance(event["kind"], str) or not isinstance(event["t_ns"], int):
                raise Damaged(f"{EVENTS}: line {number} is not an event")
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged(f"{EVENTS}: line {number} is not an event") from None
        events.append(event)
    if not events or events[0]["kind"] != "run" or events[0].get("schema") != SCHEMA:
        raise Damaged(f"{EVENTS}: its first line does not say which run it is")
    if events[-1]["kind"] != "end" or events[-1].get("events") != len(events):
        raise Incomplete(f"{EVENTS}: its last line is missing")
    return tuple(events)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
