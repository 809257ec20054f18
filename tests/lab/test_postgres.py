"""The lab's database: started in a moment, found again after a crash, gone without a trace."""

import uuid
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from lab.postgres import MOST_SLOT_WAL_MB, Postgres, tear_down


@pytest.fixture
def name() -> Iterator[str]:
    """Of a database that is gone at the end."""
    found = f"test-{uuid.uuid4().hex[:8]}"
    yield found
    tear_down(found)


def test_what_is_committed_outlives_a_kill_and_the_database_is_found_again(name: str) -> None:
    """Another process of the lab finds it by its name: same port, same data, the right settings."""
    made = Postgres.up(name)
    with psycopg.connect(made.dsn) as connection:
        connection.execute("create table kept (what text)")
        connection.execute("insert into kept values ('this')")
    assert Postgres.up(name).pid() == made.pid()
    made.kill()
    assert made.pid() is None
    again = Postgres.up(name)
    assert again == made
    with psycopg.connect(again.dsn) as connection:
        assert connection.execute("select what from kept").fetchone() == ("this",)
        assert connection.execute("show wal_level").fetchone() == ("logical",)
        limit = connection.execute("show max_slot_wal_keep_size").fetchone()
        assert limit == (f"{MOST_SLOT_WAL_MB}MB",)
    again.stop()
    assert again.pid() is None
    again.start()
    assert again.pid() is not None


def test_taken_down_it_leaves_no_process_and_no_folder(name: str) -> None:
    """Nor does one whose making was cut short."""
    made = Postgres.up(name)
    pid = made.pid()
    assert pid is not None
    assert tear_down(name)
    assert not psutil.pid_exists(pid)
    assert not made.folder.exists()
    assert not tear_down(name)


def test_a_making_that_was_cut_short_is_made_anew(name: str) -> None:
    """A folder without its note is not taken for a database."""
    made = Postgres.up(name)
    made.kill()
    (made.folder / "postgres.json").unlink()
    again = Postgres.up(name)
    with psycopg.connect(again.dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
