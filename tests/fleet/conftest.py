"""Databases that remember what was applied."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.dedup import DedupSettings
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from lab.postgres import Postgres
from tests.fleet.memories import Open, Opened, emptied, with_effects


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL, gone at the end."""
    running = Postgres.up(f"test-{uuid.uuid4().hex[:8]}")
    yield running
    running.down()


@pytest.fixture(params=["sqlite", "postgres"])
def open_memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens memories of one database, empty at the first."""
    opened: list[Opened] = []
    server = request.getfixturevalue("server") if request.param == "postgres" else None
    if server is not None:
        emptied(server)

    def open_one(wanted: DedupSettings, scope: str = "g", log: str = "1") -> Opened:
        made: Opened
        if server is not None:
            made = PostgresMemory(server.dsn, wanted, scope, {"t": log})
        else:
            made = SqliteMemory(tmp_path / "once.db", wanted, scope, {"t": log})
        opened.append(made)
        return with_effects(made)

    yield open_one
    for memory in opened:
        memory.close()
