"""Where events are remembered, as a user names it: read, refused, and shown without secrets."""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from blueprint.fleet_options import SQLITE
from blueprint.problem import Problem

_LEGAL = f"{SQLITE}PATH, or host=... port=... dbname=... user=..., or postgresql://..."
_PATH = "dedup.database"


def place_problem(database: str) -> Problem | None:
    """What is wrong with the name of a database; it is not asked for."""
    if database.startswith(SQLITE):
        return None if database != SQLITE else Problem(_PATH, database, _LEGAL)
    try:
        given = conninfo_to_dict(database)
    except ProgrammingError:
        # What libpq says of it may repeat a password.
        return Problem(_PATH, "no connection string", _LEGAL)
    if given.get("password"):
        remedy = "put it into PGPASSWORD, or into a file that PGPASSFILE names"
        return Problem(_PATH, shown(database) or "a password", "no password in it", remedy)
    return None


def shown(dsn: str) -> str:
    """Where a PostgreSQL is, without anything secret."""
    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        return "no connection string"
    names = ("host", "port", "dbname", "user", "service")
    return " ".join(f"{name}={parts[name]}" for name in names if parts.get(name))
