"""The handler of members that may catch up: two parts that cost the same, one of which can wait.

Made of the fleet's own ``Split``, as any user's would be. Which part was done of what is written
down like everything else, so that the verdict need not believe the fleet's own book of it.
"""

from chaos.history.tables import Part
from chaos.payload import KEYS
from chaos.workload.member import Record, key, part_done, process, work
from fleet.split import Split

#: Of the keys of each producer, one in so many need nothing at once: all of it can wait.
SKIPPABLE_EVERY = 8


def essential(record: Record) -> None:
    """What cannot wait."""
    work(0.5)
    process(record)


def rest(record: Record) -> None:
    """What can."""
    work(0.5)
    part_done(record, Part.REST)


def skippable(record: Record) -> bool:
    """Whether all of it can wait; the fleet asks only while it catches up."""
    if key(record) % KEYS % SKIPPABLE_EVERY:
        return False
    part_done(record, Part.PASSED)
    return True


handle = Split(essential=essential, rest=rest, skippable=skippable)
