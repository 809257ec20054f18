"""Writes a history while it happens: events as lines, rows into spools, sealed at the end."""

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chaos.history.spool import SPOOL
from chaos.history.tables import SCHEMA, TABLES, Table

EVENTS = "events.jsonl"
MANIFEST = "manifest.json"

Event = dict[str, object]


class EventLog:
    """The one writer of ``events.jsonl``; its first line says which run, its last how many."""

    def __init__(self, folder: Path, run: str, experiment: str, seed: int) -> None:
        """Begin the file."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / EVENTS).open("w", buffering=1)
        self._lock = threading.Lock()
        self._count = 0
        self.add("run", schema=SCHEMA, run=run, experiment=experiment, seed=seed)

    def add(self, kind: str, t_ns: int | None = None, **fields: object) -> None:
        """Append one event; it happened now unless ``t_ns`` says otherwise."""
        with self._lock:
            if self._file.closed:
                return
            event = {"t_ns": time.monotonic_ns() if t_ns is None else t_ns, "kind": kind, **fields}
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")
            self._count += 1

    def close(self) -> None:
        """End the file; without its last line a history is incomplete."""
        self.add("end", events=self._count + 1)
        with self._lock:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


def seal(folder: Path, partitions: int) -> None:
    """Turn the spools into one parquet file per table and partition, and write the manifest.

    The manifest comes last: a history without it is incomplete.
    """
    files = {EVENTS: _count_lines(folder / EVENTS)}
    for table in TABLES.values():
        for name, rows in _partitioned(folder, table, partitions):
            write_table(folder / name, rows)
            files[name] = len(rows)
    write_manifest(folder, files)
    shutil.rmtree(folder / SPOOL, ignore_errors=True)


def write_table(path: Path, rows: np.ndarray) -> None:
    """Write one parquet file; the columns are small integers that grow, so deltas are tiny."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    wide = [name for name in columns if columns[name].dtype.itemsize == 8]
    pq.write_table(
        pa.table(columns),
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in columns if name not in wide],
        column_encoding=dict.fromkeys(wide, "DELTA_BINARY_PACKED"),
        write_statistics=False,
    )


def write_manifest(folder: Path, files: Mapping[str, int]) -> None:
    """List every file with its rows and digest, durably and in one step."""
    listed = [
        {"name": name, "rows": rows, "sha256": digest(folder / name)}
        for name, rows in sorted(files.items())
    ]
    new = folder / f".{MANIFEST}"
    with new.open("w") as file:
        json.dump({"schema": SCHEMA, "files": listed}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, folder / MANIFEST)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _partitioned(folder: Path, table: Table, partitions: int) -> Iterator[tuple[str, np.ndarray]]:
    spools = sorted((folder / SPOOL).glob(f"{table.name}-*.rows"))
    if not spools and not table.in_every_run:
        return
    rows = _spooled(spools, table)
    replicas: Sequence[int | None] = [None]
    if "replica" in (table.dtype.names or ()):
        replicas = [int(replica) for replica in np.unique(rows["replica"])]
    for replica in replicas:
        mine = rows if replica is None else rows[rows["replica"] == replica]
        order = np.argsort(mine["partition"], kind="stable")
        bounds = np.searchsorted(mine["partition"][order], np.arange(partitions + 1))
        for partition in range(partitions):
            part = mine[order[bounds[partition] : bounds[partition + 1]]]
            yield table.file(partition, replica), part


def _spooled(paths: Sequence[Path], table: Table) -> np.ndarray:
    whole = []
    for path in paths:
        data = path.read_bytes()
        # A kill -9 may cut the last row; what precedes it was written whole.
        data = data[: len(data) - len(data) % table.dtype.itemsize]
        whole.append(np.frombuffer(data, dtype=table.dtype))
    return np.concatenate(whole) if whole else np.zeros(0, dtype=table.dtype)
