"""Tampers with a sealed history, to prove that the checks see it. The manifest is made anew."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from chaos.history.read import open_history
from chaos.history.tables import FINAL_TABLE, PRODUCED_TABLE, Outcome
from chaos.history.write import MANIFEST, write_manifest, write_table

Change = Callable[[np.ndarray, int], np.ndarray]


def doctor(folder: Path, how: str, seed: int) -> dict[str, int]:
    """Change one acknowledged record in the final reads; returns which one.

    Args:
        folder: A complete history.
        how: ``drop``, ``duplicate`` and ``swap`` change every replica's read, ``corrupt`` one.
        seed: Chooses the record.
    """
    history = open_history(folder)
    chance = random.Random(seed)
    candidates = [p for p in history.partitions if _acknowledged(folder, p).size > 2]
    partition = chance.choice(candidates)
    offset = int(chance.choice(_acknowledged(folder, partition)[:-1]))
    replicas = history.replicas[:1] if how == "corrupt" else history.replicas
    files = dict(history.rows)
    for replica in replicas:
        name = FINAL_TABLE.file(partition, replica)
        rows = CHANGES[how](_rows(folder / name, FINAL_TABLE.dtype), offset)
        write_table(folder / name, rows)
        files[name] = len(rows)
    (folder / MANIFEST).unlink()
    write_manifest(folder, files)
    return {"partition": partition, "offset": offset}


def _acknowledged(folder: Path, partition: int) -> np.ndarray:
    rows = _rows(folder / PRODUCED_TABLE.file(partition), PRODUCED_TABLE.dtype)
    offsets: np.ndarray = rows["offset"][rows["outcome"] == Outcome.OK]
    return np.sort(offsets)


def _rows(path: Path, dtype: np.dtype) -> np.ndarray:
    table = pq.read_table(path, use_threads=False)
    rows = np.zeros(table.num_rows, dtype=dtype)
    for name in dtype.names or ():
        rows[name] = table[name].to_numpy()
    return rows


def _drop(rows: np.ndarray, offset: int) -> np.ndarray:
    """The record is gone, and its offset with it: what a compacted or truncated log shows."""
    kept: np.ndarray = rows[rows["offset"] != offset]
    return kept


def _duplicate(rows: np.ndarray, offset: int) -> np.ndarray:
    changed = rows.copy()
    at = int(np.flatnonzero(rows["offset"] == offset)[0])
    other = at + 1 if at + 1 < len(rows) else at - 1
    changed["producer"][other] = rows["producer"][at]
    changed["sequence"][other] = rows["sequence"][at]
    return changed


def _swap(rows: np.ndarray, offset: int) -> np.ndarray:
    changed = rows.copy()
    at = int(np.flatnonzero(rows["offset"] == offset)[0])
    same = np.flatnonzero(rows["producer"] == rows["producer"][at])
    other = int(same[same != at][np.argmin(np.abs(same[same != at] - at))])
    changed["sequence"][[at, other]] = rows["sequence"][[other, at]]
    return changed


def _corrupt(rows: np.ndarray, offset: int) -> np.ndarray:
    changed = rows.copy()
    changed["crc_ok"][rows["offset"] == offset] = 0
    return changed


CHANGES: dict[str, Change] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "swap": _swap,
    "corrupt": _corrupt,
}
