"""The database of effects: what members wrote is brought into the history, or it says why not."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from blueprint.fleet_options import SQLITE
from chaos.effects import embedded, make_effects, write_down_effects
from chaos.experiment.work import Effects
from chaos.history.read import open_history
from chaos.history.records import PartitionRecords
from chaos.history.write import EventLog, seal
from chaos.payload import Encoder
from chaos.workload import effect_member, member
from chaos.workload.spec import MEMBER
from fleet.transaction import Cursor, HeldTx

RUN = 7


class Record:
    """One of the run's records."""

    def __init__(self, partition: int, offset: int) -> None:
        """Its sequence is its offset."""
        self._place = partition, offset
        self._value = Encoder(RUN, 0, 300, 1).encode(partition, offset)

    def partition(self) -> int:
        """Of its topic."""
        return self._place[0]

    def offset(self) -> int:
        """In its partition."""
        return self._place[1]

    def value(self) -> bytes:
        """As produced."""
        return self._value


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder with a database, and this process as one of its members."""
    make_effects(embedded(tmp_path))
    spec = {
        "history": str(tmp_path / "history"),
        "run": RUN,
        "index": 0,
        "effects": embedded(tmp_path),
    }
    monkeypatch.setenv(MEMBER, json.dumps(spec))
    # Rows of what was consumed are another test's, and the thread that reports them nobody's here.
    monkeypatch.setattr(effect_member, "process", lambda _: None)
    for one in (member.own_spec, effect_member._insert, effect_member._database):
        one.cache_clear()
    effect_member._later.cache_clear()
    return tmp_path


def path_of(run_dir: Path) -> Path:
    """Of the database."""
    return Path(embedded(run_dir).removeprefix(SQLITE))


def written_down(run_dir: Path) -> list[tuple[int, ...]]:
    """What the history has of partition 1, once it is sealed."""
    log = EventLog(run_dir / "history", "run", "effects", 1)
    write_down_effects(embedded(run_dir), run_dir / "history", log)
    log.close()
    seal(run_dir / "history", 2)
    history = open_history(run_dir / "history")
    rows = PartitionRecords(history, 1).effects
    said = history.one("effects") or {}
    assert said["rows"] == sum(history.rows.get(f"effects/0000{p}.parquet", 0) for p in (0, 1))
    columns = (rows[name] for name in ("offset", "producer", "sequence", "count"))
    return list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def test_an_effect_without_a_memory_is_counted_as_often_as_it_was_had(run_dir: Path) -> None:
    """By the offset that it came from."""
    for offset in (0, 1, 1, 1):
        effect_member.at_least_once(Record(1, offset))
    effect_member.at_least_once(Record(0, 0))
    assert written_down(run_dir) == [(0, 0, 0, 1), (1, 0, 1, 3)]
    assert not list(run_dir.glob("effects.db*"))


def test_an_effect_in_a_transaction_goes_with_it(run_dir: Path) -> None:
    """Rolled back, there was none."""
    with closing(sqlite3.connect(path_of(run_dir))) as database:
        tx = HeldTx(cast(Cursor, database.cursor()))
        effect_member.exactly_once(Record(1, 0), tx)
        database.commit()
        effect_member.exactly_once(Record(1, 1), tx)
        database.rollback()
    assert written_down(run_dir) == [(0, 0, 0, 1)]


def test_a_record_whose_turn_comes_later_has_no_effect_before(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the handler has returned, and the fleet takes it for done."""
    monkeypatch.setattr(effect_member, "EARLY_S", 3600.0)
    effect_member.at_most_once(Record(1, 0))
    assert written_down(run_dir) == []


def test_effects_that_cannot_be_read_are_said_and_not_judged(run_dir: Path) -> None:
    """A note, and no event that would say there were none."""
    path_of(run_dir).write_bytes(b"no database, and as long as a page's head would be" * 9)
    log = EventLog(run_dir / "history", "run", "effects", 1)
    write_down_effects(embedded(run_dir), run_dir / "history", log)
    log.close()
    seal(run_dir / "history", 2)
    history = open_history(run_dir / "history")
    assert history.one("effects") is None
    assert "cannot be read" in str((history.one("note") or {})["text"])


def test_every_way_is_named_as_its_handler() -> None:
    """Members are told by it."""
    assert all(hasattr(effect_member, way.name.lower()) for way in Effects)
