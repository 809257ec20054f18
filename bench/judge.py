"""How long a verdict takes, and how much memory: a simulated history with known damage.

Every partition has the same shape: three producers taking turns, read once by a group, held by
three replicas. In each one record is lost and another doubled, so that the figures can be compared
exactly.
"""

import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from chaos.history.tables import CONSUMED, FINAL, PRODUCED, TABLES
from chaos.history.write import EVENTS, EventLog, write_manifest, write_table
from chaos.verdict import Expected, judge

REPLICAS = (1, 2, 3)
PRODUCERS = 3
RATE_PER_S = 1_000_000
RESULTS = Path(__file__).parent / "results" / "judge.json"
_S = 1_000_000_000
_POLL_S = 0.1


def simulate(folder: Path, records: int, partitions: int) -> dict[str, int]:
    """Write a complete history; returns what must be found in it."""
    each = records // partitions
    span_s = records / RATE_PER_S
    log = EventLog(folder, "simulated", "simulated", 1)
    log.add(
        "plan",
        t_ns=0,
        replication_factor=3,
        partitions=partitions,
        offered_per_s=0,
        idempotence=True,
    )
    log.add(
        "limits",
        t_ns=0,
        lag_factor=3,
        lag_floor_s=1,
        lag_hold_s=1,
        ack_s=5,
        available_outside=0.9,
        available_inside=0.5,
    )
    for producer in range(PRODUCERS):
        log.add("producer-start", t_ns=0, producer=producer, zone="abc"[producer])
    log.add("steady", t_ns=_S)
    log.add("load-end", t_ns=round((1 + span_s) * _S))
    for producer in range(PRODUCERS):
        rows = partitions * len(range(producer, each, PRODUCERS))
        counts = dict.fromkeys(("due", "sent", "attempts", "rows"), rows) | {"blocked": 0}
        log.add("producer-exit", t_ns=round((1 + span_s) * _S), producer=producer, **counts)
    end_ns = round((2 + span_s) * _S)
    for partition in range(partitions):
        log.add("final-bounds", t_ns=end_ns, partition=partition, high=each)
    for replica in REPLICAS:
        log.add("final-read", t_ns=end_ns, replica=replica, unread=[], unproven=[])
    log.close()
    files = {EVENTS: len((folder / EVENTS).read_text().splitlines())}
    for partition in range(partitions):
        files |= _partition(folder, partition, each, span_s)
    write_manifest(folder, files)
    return {"acknowledged": each * partitions, "lost": partitions, "duplicated": partitions}


def _partition(folder: Path, partition: int, each: int, span_s: float) -> dict[str, int]:
    index = np.arange(each, dtype=np.int64)
    send_ns = _S + (index * (span_s * _S / each)).astype(np.int64)
    produced = np.zeros(each, dtype=PRODUCED)
    produced["partition"], produced["producer"] = partition, index % PRODUCERS
    produced["sequence"], produced["offset"] = index // PRODUCERS, index
    produced["send_ns"], produced["done_ns"] = send_ns, send_ns + 5_000_000
    consumed = np.zeros(each, dtype=CONSUMED)
    final = np.zeros(each, dtype=FINAL)
    for table in (consumed, final):
        table["partition"], table["crc_ok"], table["offset"] = partition, 1, index
        for name in ("producer", "sequence"):
            table[name] = produced[name]
    consumed["read_ns"] = send_ns + 20_000_000
    # One record stands twice where another should be: one lost, one doubled, per partition.
    at = each // 2
    final["producer"][at], final["sequence"][at] = (
        final["producer"][at + 1],
        final["sequence"][at + 1],
    )
    files = {}
    for name, rows in (("produced", produced), ("consumed", consumed)):
        file = TABLES[name].file(partition)
        write_table(folder / file, rows)
        files[file] = each
    for replica in REPLICAS:
        final["replica"] = replica
        file = TABLES["final"].file(partition, replica)
        write_table(folder / file, final)
        files[file] = each
    return files


class _Memory:
    """The most memory that this process and its children had together, sampled."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(_POLL_S):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak_bytes = max(self.peak_bytes, total)


def main(
    records: Annotated[int, typer.Option(min=1000)] = 100_000_000,
    partitions: Annotated[int, typer.Option(min=1)] = 100,
    folder: Annotated[Path | None, typer.Option(help="keeps the history here")] = None,
    out: Path = RESULTS,
) -> None:
    """Simulate, judge, compare, write the figures."""
    room = folder or Path(tempfile.mkdtemp(prefix="quorate-judge-"))
    try:
        known_file = room / "known.json"
        if known_file.exists():
            known = json.loads(known_file.read_text())
        else:
            known = simulate(room / "history", records, partitions)
            known_file.write_text(json.dumps(known))
        memory, began_s = _Memory(), time.monotonic()
        verdict = judge(room / "history", Expected("FAIL", "lost"))
        took_s = time.monotonic() - began_s
        memory.close()
        found = {name: verdict.records[name] for name in known}
        said = {
            "records": records,
            "took_s": round(took_s, 1),
            "peak_bytes": memory.peak_bytes,
            "exact": found == known,
            "found": found,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(said, indent=1) + "\n")
        print(json.dumps(said))
        sys.exit(0 if found == known else 1)
    finally:
        if folder is None:
            shutil.rmtree(room, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
