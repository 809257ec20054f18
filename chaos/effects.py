"""The database of records' effects: made before the load, read once its last member has ended.

It is named as the fleet names where it remembers: ``sqlite:PATH``, or what libpq takes.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from blueprint.fleet_options import SQLITE
from chaos.history.spool import Spool
from chaos.history.tables import EFFECTS_TABLE
from chaos.history.write import EventLog

BUSY_TIMEOUT_S = 30.0
#: Small, so that what is remembered is forgotten while the run lasts, and the verdict is about that
#: too. A member that was killed is done again from its last commit on, never from below it.
MARGIN_RECORDS = 500
PURGE_EVERY_S = 1.0
_SCHEMA = (
    "create table effect (place integer not null, log_offset bigint not null,"
    " producer integer not null, sequence bigint not null)"
)
_COUNTED = (
    "select place, log_offset, producer, sequence, count(*) from effect"
    " group by place, log_offset, producer, sequence order by place, log_offset"
)


def embedded(run_dir: Path) -> str:
    """The database of a run whose target has none."""
    return f"{SQLITE}{run_dir / 'effects.db'}"


def dedup_of(database: str, by: str) -> dict[str, object]:
    """How the fleet is told to remember what was applied, beside the effects: by keys or by ids."""
    return {
        "database": database,
        "by": by,
        "margin_records": MARGIN_RECORDS,
        "purge_every_s": PURGE_EVERY_S,
    }


def make_effects(database: str) -> None:
    """Make the table, with nothing in it."""
    with closing(_connected(database)) as connection:
        if database.startswith(SQLITE):
            # Members read and write at once, as the fleet's own memory has it.
            connection.execute("pragma journal_mode = wal")
        connection.execute(_SCHEMA)
        connection.commit()


def write_down_effects(database: str, history: Path, log: EventLog) -> None:
    """Bring every effect into the history; says how many rows that were, or why there are none."""
    rows = applied = 0
    try:
        with (
            closing(_connected(database)) as connection,
            Spool(history, EFFECTS_TABLE, "database") as spool,
        ):
            for row in connection.execute(_COUNTED):
                spool.add(tuple(row))
                rows, applied = rows + 1, applied + int(row[-1])
    except (sqlite3.Error, psycopg.Error) as error:
        # Without the event nothing is judged.
        log.add("note", text=f"the effects cannot be read: {error}")
        return
    log.add("effects", rows=rows, applied=applied)
    if database.startswith(SQLITE):
        # They are in the history now, and nobody is to wonder which of the two is judged.
        path = Path(database.removeprefix(SQLITE))
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()


def _connected(database: str) -> Any:  # noqa: ANN401
    """Either database's own connection: what is asked of them here they have in common."""
    if database.startswith(SQLITE):
        return sqlite3.connect(database.removeprefix(SQLITE), BUSY_TIMEOUT_S)
    return psycopg.connect(database)
