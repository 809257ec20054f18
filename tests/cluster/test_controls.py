"""Negative controls on the real cluster: what must be caught is caught, and what is safe passes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Door, Run

pytestmark = pytest.mark.cluster


def verdict_of(run_dir: Path) -> dict[str, Any]:
    """What verdict.json says."""
    return dict(json.loads((run_dir / "verdict.json").read_text()))


def test_one_replica_in_sync_loses_records_and_is_caught(run: Run) -> None:
    """min.insync.replicas=1 with unclean election: FAIL by lost, with evidence."""
    done, run_dir = run("control-min-isr-1", ())
    verdict = verdict_of(run_dir)
    assert done.returncode == 0, done.stdout
    assert (verdict["outcome"], verdict["expected"]) == ("FAIL", "FAIL:lost")
    assert verdict["records"]["lost"] > 0
    lost = next(check for check in verdict["checks"] if check["name"] == "lost")
    first = lost["evidence"][0]
    assert len(lost["evidence"]) <= 20
    assert set(first["at_acknowledgement"]) == {"leader", "epoch", "isr"}
    # The leader was alone in sync around the acknowledgement: that is how it was lost.
    assert any(change["isr"] == [change["leader"]] for change in first["isr_changes"])


@pytest.mark.quiet
def test_the_same_faults_lose_nothing_with_two_in_sync(run: Run) -> None:
    """min.insync.replicas=2: the same faults, PASS; the sends were refused, not lost."""
    done, run_dir = run("control-min-isr-2", ())
    verdict = verdict_of(run_dir)
    assert (done.returncode, verdict["outcome"]) == (0, "PASS"), done.stdout
    assert verdict["records"]["acknowledged"] > 0
    assert verdict["records"]["lost"] == 0


def test_a_fault_that_does_nothing_is_invalid(run: Run) -> None:
    """INVALID by fault-bit, never PASS."""
    done, run_dir = run("control-noop-fault", ())
    assert done.returncode == 0, done.stdout
    assert verdict_of(run_dir)["outcome"] == "INVALID"


def test_a_doctored_history_is_caught_and_judged_alike_again(
    run: Run, tmp_path: Path, chaos: Door
) -> None:
    """FAIL by lost; ``judge`` on a copy elsewhere gives the same verdict and exit code."""
    done, run_dir = run("control-doctored-history", ())
    assert done.returncode == 0, done.stdout
    before = (run_dir / "verdict.json").read_text()
    assert json.loads(before)["outcome"] == "FAIL"
    moved = tmp_path / "elsewhere"
    run_dir.rename(moved)
    again = chaos.call("judge", str(moved))
    assert again.returncode == 0, again.stderr
    assert (moved / "verdict.json").read_text() == before
