"""Builds literal histories: a few lines each, on disk as a run would leave them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chaos.history.tables import CONSUMED, EFFECTS, FINAL, PARTS, PRODUCED, TABLES, Outcome, Part
from chaos.history.write import EVENTS, EventLog, write_manifest, write_table

S = 1_000_000_000
REPLICAS = (1, 2, 3)


@dataclass
class Told:
    """A run of one partition as told row by row; times in seconds."""

    produced: list[tuple[int, ...]] = field(default_factory=list)
    consumed: list[tuple[int, ...]] = field(default_factory=list)
    parts: list[tuple[int, ...]] = field(default_factory=list)
    effects: list[tuple[int, ...]] = field(default_factory=list)
    final: dict[int, list[tuple[int, ...]]] = field(
        default_factory=lambda: {replica: [] for replica in REPLICAS}
    )
    events: list[tuple[float, str, dict[str, object]]] = field(default_factory=list)
    end_s: float = 100.0
    low: int = 0
    high: int | None = None
    retention_s: float | None = None
    unread: list[int] = field(default_factory=list)
    partitions: int = 1
    limits: dict[str, float] = field(default_factory=dict)
    plan: dict[str, object] = field(default_factory=dict)

    def sent(
        self,
        sequence: int,
        offset: int,
        *,
        at_s: float = 10.0,
        took_s: float = 0.01,
        outcome: Outcome = Outcome.OK,
        producer: int = 0,
    ) -> "Told":
        """One send and what became of it."""
        begin, done = round(at_s * S), round((at_s + took_s) * S)
        self.produced.append((0, producer, sequence, begin, done, outcome, offset, 0))
        return self

    def read(
        self,
        sequence: int,
        offset: int,
        *,
        at_s: float = 11.0,
        producer: int = 0,
        member: int = 0,
    ) -> "Told":
        """One record that a member processed."""
        self.consumed.append((0, member, offset, producer, sequence, round(at_s * S), 1))
        return self

    def part(
        self, sequence: int, offset: int, part: Part, *, at_s: float = 11.0, member: int = 0
    ) -> "Told":
        """What became of one record beside its essential part."""
        self.parts.append((0, member, offset, 0, sequence, round(at_s * S), part))
        return self

    def effect(self, sequence: int, offset: int, *, count: int = 1, producer: int = 0) -> "Told":
        """What one record did to the business's database."""
        self.effects.append((0, offset, producer, sequence, count))
        return self

    def holds(
        self,
        sequence: int,
        offset: int,
        *,
        only: int | None = None,
        producer: int = 0,
        crc: int = 1,
    ) -> "Told":
        """One record of the final read, of every replica or only one."""
        for replica in REPLICAS if only is None else (only,):
            self.final[replica].append((0, replica, offset, producer, sequence, crc))
        return self

    def told(self, at_s: float, kind: str, **fields: object) -> "Told":
        """One event."""
        self.events.append((at_s, kind, fields))
        return self

    def whole(self, count: int, *, every_s: float = 0.1, from_s: float = 10.0) -> "Told":
        """``count`` records that were sent, read and are there."""
        for index in range(count):
            at_s = from_s + index * every_s
            self.sent(index, index, at_s=at_s).read(index, index, at_s=at_s + 0.02)
            self.holds(index, index)
        return self

    def fault(self, inject_s: float, heal_s: float, *, zone: str = "a", bit: bool = True) -> "Told":
        """A fault with its limits and its effect."""
        limits = {"produce_s": 4.0, "isr_s": 10.0, "commit_s": 8.0, "lag_s": 10.0}
        self.told(inject_s, "limits-of", id="f", limits=limits, predicted=limits)
        self.told(inject_s, "fault-inject", id="f", fault="az-kill", zone=zone)
        self.told(inject_s, "fault-active", id="f")
        measured = 2 if bit else 0
        self.told(
            inject_s,
            "effect",
            id="f",
            fault="az-kill",
            effect="nodes",
            unit="nodes",
            expected=2,
            measured=measured,
        )
        self.told(heal_s, "fault-healed", id="f")
        return self.told(heal_s + 1, "whole", id="f")

    def write(self, folder: Path) -> Path:
        """Write it; returns the folder."""
        log = EventLog(folder, "run", "told", 1)
        plan = {"replication_factor": 3, "partitions": self.partitions, "offered_per_s": 0}
        given = {"retention_s": self.retention_s, **plan, **self.plan}
        log.add("plan", t_ns=0, idempotence=True, **given)
        limits = {"lag_factor": 3, "lag_floor_s": 1, "lag_hold_s": 2, "ack_s": 5, **self.limits}
        log.add("limits", t_ns=0, available_outside=0.9, available_inside=0.5, **limits)
        log.add("producer-start", t_ns=0, producer=0, zone="b")
        log.add("steady", t_ns=10 * S)
        high = self.low + len(self.final[1]) if self.high is None else self.high
        said = [kind for _, kind, _ in self.events]
        ending: list[tuple[float, str, dict[str, object]]] = [
            (self.end_s, "load-end", {}),
            (self.end_s, "final-bounds", {"partition": 0, "low": self.low, "high": high}),
        ]
        ending += [
            (self.end_s, "final-read", {"replica": replica, "unread": self.unread})
            for replica in REPLICAS
            if self.final[replica]
        ]
        if "producer-exit" not in said:
            rows = len(self.produced)
            counts = {"due": rows, "sent": rows, "blocked": 0, "attempts": rows, "rows": rows}
            ending.append((self.end_s, "producer-exit", {"producer": 0, **counts}))
        for at_s, kind, fields in sorted(self.events + ending, key=lambda event: event[0]):
            log.add(kind, t_ns=round(at_s * S), **fields)
        log.close()
        self._write_columns(folder)
        return folder

    def _write_columns(self, folder: Path) -> None:
        files = {EVENTS: len((folder / EVENTS).read_text().splitlines())}
        tables: list[tuple[str, object, list[tuple[int, ...]], int | None]] = [
            ("produced", PRODUCED, self.produced, None),
            ("consumed", CONSUMED, self.consumed, None),
            *([("parts", PARTS, self.parts, None)] if self.parts else []),
            *([("effects", EFFECTS, self.effects, None)] if self.effects else []),
            *(("final", FINAL, rows, replica) for replica, rows in self.final.items() if rows),
        ]
        for name, dtype, rows, replica in tables:
            file = TABLES[name].file(0, replica)
            write_table(folder / file, np.array(rows, dtype=dtype))  # type: ignore[call-overload]
            files[file] = len(rows)
        write_manifest(folder, files)
