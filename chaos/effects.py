"""The database of records' effects: made before the load, read once its last member has ended."""

import sqlite3
from contextlib import closing
from pathlib import Path

from chaos.history.spool import Spool
from chaos.history.tables import EFFECTS_TABLE
from chaos.history.write import EventLog

BUSY_TIMEOUT_S = 30.0
#: Small, so that what is remembered is forgotten while the run lasts, and the verdict is about that
#: too. A member that was killed is done again from its last commit on, never from below it.
MARGIN_RECORDS = 500
PURGE_EVERY_S = 1.0
_SCHEMA = (
    "create table effect (place integer not null, log_offset integer not null,"
    " producer integer not null, sequence integer not null)"
)
_COUNTED = (
    "select place, log_offset, producer, sequence, count(*) from effect"
    " group by place, log_offset, producer, sequence order by place, log_offset"
)


def database_of(run_dir: Path) -> Path:
    """Of one run."""
    return run_dir / "effects.db"


def dedup_of(run_dir: Path) -> dict[str, object]:
    """How the fleet is told to remember what was applied, beside the effects."""
    return {
        "database": f"sqlite:{database_of(run_dir)}",
        "margin_records": MARGIN_RECORDS,
        "purge_every_s": PURGE_EVERY_S,
    }


def make_effects(run_dir: Path) -> None:
    """Make the database, with nothing in it."""
    with closing(sqlite3.connect(database_of(run_dir))) as database:
        # Members read and write at once, as the fleet's own memory has it.
        database.execute("pragma journal_mode = wal")
        database.execute(_SCHEMA)


def write_down_effects(run_dir: Path, log: EventLog) -> None:
    """Bring every effect into the history; says how many rows that were, or why there are none."""
    rows = applied = 0
    try:
        with (
            closing(sqlite3.connect(database_of(run_dir), BUSY_TIMEOUT_S)) as database,
            Spool(run_dir / "history", EFFECTS_TABLE, "database") as spool,
        ):
            for row in database.execute(_COUNTED):
                spool.add(row)
                rows, applied = rows + 1, applied + row[-1]
    except sqlite3.Error as error:
        # Without the event nothing is judged.
        log.add("note", text=f"the effects cannot be read: {error}")
        return
    log.add("effects", rows=rows, applied=applied)
    # They are in the history now, and nobody is to wonder which of the two is judged.
    for path in run_dir.glob(f"{database_of(run_dir).name}*"):
        path.unlink()
