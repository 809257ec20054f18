"""Effects of records on the real cluster: once with the fleet's memory, and otherwise caught."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from chaos.leases import Undo
from chaos.targets.lab import undo_on_lab
from lab.postgres import Postgres
from tests.cluster.conftest import Run
from tests.cluster.test_controls import verdict_of

pytestmark = pytest.mark.cluster
KILLS = 3
SMALL = ("--set", "workload.rate_per_s=200")


def check_of(run_dir: Path, name: str) -> dict[str, Any]:
    """What one check said."""
    return next(check for check in verdict_of(run_dir)["checks"] if check["name"] == name)


@pytest.mark.quiet
def test_members_that_die_join_and_leave_apply_each_record_once(run: Run) -> None:
    """PASS, judged by what the database has: as many effects as records, and one of each."""
    done, run_dir = run("effect-once", SMALL)
    assert done.returncode == 0, done.stdout
    found, records = check_of(run_dir, "effect-once"), verdict_of(run_dir)["records"]
    assert found["outcome"] == "PASS"
    assert found["figures"]["events"] >= records["acknowledged"] > 0


def test_members_that_remember_nothing_apply_twice_and_are_caught(run: Run) -> None:
    """FAIL by effect-once: effects twice, of one place in the log; none is missing."""
    done, run_dir = run("control-no-dedup", SMALL)
    assert done.returncode == 0, done.stdout
    found = check_of(run_dir, "effect-once")
    assert verdict_of(run_dir)["expected"] == "FAIL:effect-once"
    assert found["figures"]["repeated"] > 0
    assert (found["figures"]["missing"], found["figures"]["unsent"]) == (0, 0)
    assert all(piece["effects"] > 1 == len(piece["offsets"]) for piece in found["evidence"])
    assert verdict_of(run_dir)["records"]["duplicated"] == 0


def test_members_that_commit_first_skip_records_and_are_caught(run: Run) -> None:
    """FAIL by skipped; and those have no effect, but where the kill came between the two."""
    done, run_dir = run("control-commit-before-process", SMALL)
    assert done.returncode == 0, done.stdout
    skipped = verdict_of(run_dir)["records"]["skipped"]
    assert skipped > 0
    found = check_of(run_dir, "effect-once")
    assert found["outcome"] == "FAIL"
    assert skipped - KILLS <= found["figures"]["missing"] <= skipped


@pytest.mark.quiet
def test_a_killed_connector_publishes_what_was_committed_once_and_nothing_else(run: Run) -> None:
    """PASS: each committed event is in the log once with one effect; many were taken back."""
    done, run_dir = run("cdc-kill", ("--set", "workload.rate_per_s=60"))
    assert done.returncode == 0, done.stdout
    verdict, found = verdict_of(run_dir), check_of(run_dir, "effect-once")
    records = verdict["records"]
    assert verdict["outcome"] == "PASS"
    assert found["figures"]["events"] == records["acknowledged"] == records["final"] > 0
    assert records["failed"] > 100
    effects = verdict["fault_effects"]
    assert len(effects) == 4
    assert all(effect["bit"] for effect in effects)


def test_what_a_run_has_left_of_its_outbox_is_taken_down_by_its_lease() -> None:
    """Whatever became of the lab; and once more, there is nothing to do."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    database = Postgres.up(name)
    assert database.pid() is not None
    down = Undo(action="outbox-down", names=(name,))
    assert undo_on_lab("no-such-lab", down) == [f"database {name} and its connector are down"]
    assert database.pid() is None
    assert not database.folder.exists()
    assert undo_on_lab("no-such-lab", down) == []
