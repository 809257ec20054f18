"""One partition's records, with every identity given a slot, so that checks are array look-ups.

A slot is a small number per (producer, sequence) that was ever attempted; -1 is anything else. With
slots a partition of a million records is judged in a few passes over flat arrays.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chaos.history.read import Columns, History
from chaos.history.tables import (
    CONSUMED_TABLE,
    EFFECTS_TABLE,
    FINAL_TABLE,
    PARTS_TABLE,
    PRODUCED_TABLE,
    Outcome,
)

NO_SLOT = -1
NO_BOUND = int(np.iinfo(np.int64).max)
#: More evidence than this is not read by anyone; the figures count all of it.
MOST_EVIDENCE = 20


@dataclass(frozen=True)
class PartitionRecords:
    """What was produced to, consumed from and finally read of one partition."""

    history: History
    partition: int

    @cached_property
    def produced(self) -> Columns:
        """Producer, sequence, outcome and offset of every send."""
        return self._produced("producer", "sequence", "outcome", "offset")

    @cached_property
    def times(self) -> Columns:
        """``send_ns`` and ``done_ns`` of every send, in the order of ``produced``."""
        return self._produced("send_ns", "done_ns")

    @cached_property
    def consumed(self) -> Columns:
        """Every record a member processed, or a replay of what members had put off."""
        names = ("member", "offset", "producer", "sequence", "read_ns", "crc_ok")
        return self.history.columns(CONSUMED_TABLE, self.partition, *names)

    @cached_property
    def parts(self) -> Columns:
        """Every rest that was done, and every record that a member passed over."""
        names = ("member", "offset", "producer", "sequence", "at_ns", "part")
        return self.history.columns(PARTS_TABLE, self.partition, *names)

    @cached_property
    def effects(self) -> Columns:
        """Every effect that was found in the business's database, and how often."""
        names = ("offset", "producer", "sequence", "count")
        return self.history.columns(EFFECTS_TABLE, self.partition, *names)

    def final(self, replica: int) -> Columns:
        """The final read of one replica, in the order of offsets as read."""
        names = ("offset", "producer", "sequence", "crc_ok")
        return self.history.columns(FINAL_TABLE, self.partition, *names, replica=replica)

    @cached_property
    def acknowledged(self) -> np.ndarray:
        """Which sends were acknowledged: bool per row of ``produced``."""
        return np.equal(self.produced["outcome"], Outcome.OK)

    @cached_property
    def refused(self) -> np.ndarray:
        """Which sends are known to have come to nothing: bool per row of ``produced``."""
        return np.isin(self.produced["outcome"], (Outcome.FAIL, Outcome.ROLLED_BACK))

    @cached_property
    def produced_slots(self) -> np.ndarray:
        """The slot of every send."""
        return self.slots(self.produced["producer"], self.produced["sequence"])

    @cached_property
    def final_slots(self) -> dict[int, np.ndarray]:
        """For each replica the slot of every record read; a broken record has none."""
        found = {}
        for replica in self.history.replicas:
            read = self.final(replica)
            slots = self.slots(read["producer"], read["sequence"])
            slots[read["crc_ok"] == 0] = NO_SLOT
            found[replica] = slots
        return found

    @cached_property
    def final_counts(self) -> dict[int, np.ndarray]:
        """For each replica how often every slot was read: small integers by slot."""
        return {replica: self.count(slots) for replica, slots in self.final_slots.items()}

    @cached_property
    def in_every_replica(self) -> np.ndarray:
        """By slot, whether all final reads hold the identity; False where there was no read."""
        held = np.full(self._space, bool(self.final_counts))
        for counts in self.final_counts.values():
            held &= counts > 0
        return held

    def was_read(self, offsets: np.ndarray) -> np.ndarray:
        """Whether the final reads passed these offsets: all of them when each came to its end.

        What stands above the last record of a read that ended early is unread, not lost; so is
        a record that was acknowledged without an offset (-1, after a retry that was a duplicate),
        and one that retention had deleted before.
        """
        reached = min(map(self._read_to, self.history.replicas), default=0)
        if reached == NO_BOUND:
            return (offsets < 0) | (offsets >= self.log_start)
        return (offsets >= self.log_start) & (offsets < reached)

    @cached_property
    def log_start(self) -> int:
        """The first offset that was left when the ends were pinned; 0 where nothing is deleted."""
        for event in self.history.of_kind("final-bounds"):
            low = event.get("low")
            if event.get("partition") == self.partition and isinstance(low, int):
                return max(0, low)
        return 0

    def _read_to(self, replica: int) -> int:
        for event in self.history.of_kind("final-read"):
            unread = event.get("unread")
            ended = not isinstance(unread, list) or self.partition not in unread
            if event.get("replica") == replica and ended and not event.get("error"):
                return NO_BOUND
        offsets = self.final(replica)["offset"]
        return int(offsets[-1]) + 1 if len(offsets) else 0

    @cached_property
    def consumed_slots(self) -> np.ndarray:
        """The slot of every consumed record; a broken record has none."""
        slots = self.slots(self.consumed["producer"], self.consumed["sequence"])
        slots[self.consumed["crc_ok"] == 0] = NO_SLOT
        return slots

    def slots(self, producer: np.ndarray, sequence: np.ndarray) -> np.ndarray:
        """The slot of each identity, or ``NO_SLOT``."""
        bases, sizes = self._bases
        known = (producer >= 0) & (producer < len(sizes)) & (sequence >= 0)
        who = np.where(known, producer, 0)
        if not len(sizes):
            return np.full(len(producer), NO_SLOT, dtype=np.int64)
        known &= sequence < sizes[who]
        return np.where(known, bases[who] + sequence, NO_SLOT)

    def count(self, slots: np.ndarray) -> np.ndarray:
        """How often each slot occurs."""
        return np.bincount(slots[slots >= 0], minlength=self._space)

    def identity(self, slot: int) -> dict[str, int]:
        """Producer and sequence of a slot."""
        bases, _ = self._bases
        producer = int(np.searchsorted(bases, slot, side="right")) - 1
        return {"producer": producer, "sequence": int(slot - bases[producer])}

    @property
    def _space(self) -> int:
        return int(self._bases[1].sum())

    @cached_property
    def _bases(self) -> tuple[np.ndarray, np.ndarray]:
        """Per producer its first slot and how many it has."""
        producer, sequence = self.produced["producer"], self.produced["sequence"]
        if not len(producer):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        sizes = np.zeros(int(producer.max()) + 1, dtype=np.int64)
        for one in range(len(sizes)):
            mine = sequence[producer == one]
            sizes[one] = int(mine.max()) + 1 if len(mine) else 0
        return np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes

    def _produced(self, *names: str) -> Columns:
        return self.history.columns(PRODUCED_TABLE, self.partition, *names)
