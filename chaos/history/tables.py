"""The columns of a history. docs/history.md describes them for readers of other programs.

Times are nanoseconds of the host's monotonic clock, which all processes of a run share.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

SCHEMA = 1


class Outcome(IntEnum):
    """What is known of a send. Only a local refusal is ``FAIL``; a time-out is ``UNKNOWN``.

    ROLLED_BACK: The sender itself took it back, in a transaction of a database.
    """

    OK = 0
    UNKNOWN = 1
    FAIL = 2
    ROLLED_BACK = 3


#: One row per send. ``offset`` is -1 unless ``OK``; ``error`` is librdkafka's code, 0 for none.
PRODUCED = np.dtype(
    [
        ("partition", "<i4"),
        ("producer", "<i2"),
        ("sequence", "<i8"),
        ("send_ns", "<i8"),
        ("done_ns", "<i8"),
        ("outcome", "i1"),
        ("offset", "<i8"),
        ("error", "<i2"),
    ]
)

#: One row per record a group member processed. ``producer`` is -1 when it carried no identity.
CONSUMED = np.dtype(
    [
        ("partition", "<i4"),
        ("member", "<i2"),
        ("offset", "<i8"),
        ("producer", "<i2"),
        ("sequence", "<i8"),
        ("read_ns", "<i8"),
        ("crc_ok", "i1"),
    ]
)

#: One row per record of the final read of one replica; ``replica`` is the broker's id.
FINAL = np.dtype(
    [
        ("partition", "<i4"),
        ("replica", "<i2"),
        ("offset", "<i8"),
        ("producer", "<i2"),
        ("sequence", "<i8"),
        ("crc_ok", "i1"),
    ]
)


class Part(IntEnum):
    """What became of a record beside its essential part, which is a row of ``CONSUMED``."""

    REST = 0
    PASSED = 1


#: One row per rest of a record that was done, now or by a replay, and per record that a member
#: passed over whole, to be done by a replay. Only where the handler has two parts.
PARTS = np.dtype(
    [
        ("partition", "<i4"),
        ("member", "<i2"),
        ("offset", "<i8"),
        ("producer", "<i2"),
        ("sequence", "<i8"),
        ("at_ns", "<i8"),
        ("part", "i1"),
    ]
)
#: One row per event that has an effect in the business's own database, and per offset it had it
#: from; ``count`` is how often. Only where members have effects.
EFFECTS = np.dtype(
    [
        ("partition", "<i4"),
        ("offset", "<i8"),
        ("producer", "<i2"),
        ("sequence", "<i8"),
        ("count", "<i4"),
    ]
)
#: The ``member`` of rows that a replay of what was put off has written.
REPLAY = 9_999


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of record, kept in one file per partition (and replica).

    Attributes:
        in_every_run: Otherwise only in those in which somebody has written some.
    """

    name: str
    dtype: np.dtype
    in_every_run: bool = True

    def file(self, partition: int, replica: int | None = None) -> str:
        """The file of a partition, relative to the history's folder."""
        part = f"{partition:05d}.parquet"
        return f"{self.name}/{part}" if replica is None else f"{self.name}/{replica}/{part}"


PRODUCED_TABLE = Table("produced", PRODUCED)
CONSUMED_TABLE = Table("consumed", CONSUMED)
FINAL_TABLE = Table("final", FINAL)
PARTS_TABLE = Table("parts", PARTS, in_every_run=False)
EFFECTS_TABLE = Table("effects", EFFECTS, in_every_run=False)
TABLES = {
    table.name: table
    for table in (PRODUCED_TABLE, CONSUMED_TABLE, FINAL_TABLE, PARTS_TABLE, EFFECTS_TABLE)
}
