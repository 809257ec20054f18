"""The game day from end to end on a cluster of its own, as ``make gameday`` runs it."""

import json
from pathlib import Path

import pytest

from chaos.restore import lease_book
from lab.state import all_states
from tests.cluster.conftest import Door

pytestmark = pytest.mark.cluster


@pytest.mark.quiet
def test_the_game_day_passes_and_leaves_nothing(chaos: Door, tmp_path: Path) -> None:
    """Every fault bites, all is well again in time, no record is lost, and the lab is gone."""
    before = {state.folder for state in all_states()}
    done = chaos.call(
        "run",
        "gameday",
        "--runs-dir",
        str(tmp_path),
        "--set",
        "workload.rate_per_s=1500",
        timeout_s=400,
    )
    (run_dir,) = tmp_path.iterdir()
    verdict = json.loads((run_dir / "verdict.json").read_text())
    assert verdict["outcome"] == "PASS", done.stdout
    assert done.returncode == 0
    assert verdict["records"]["lost"] == verdict["records"]["duplicated"] == 0
    assert len({effect["id"] for effect in verdict["fault_effects"]}) == 6
    assert done.stdout.splitlines()[-1] == str(run_dir / "report.html")
    assert (run_dir / "junit.xml").exists()
    assert {state.folder for state in all_states()} == before
    assert not lease_book().all()
    plain = done.stderr.splitlines()
    assert any("acknowledged/s" in line and "lag" in line for line in plain)
    assert not any("\x1b" in line for line in plain)
