"""One who takes all he can, on the real cluster: within his quota nobody minds, without it they do.

What is compared are waits on the machine that the tests run on: whatever else keeps it busy is in
the calm too, and hides what one more reader adds.
"""

import pytest

from tests.cluster.conftest import Run
from tests.cluster.test_controls import verdict_of
from tests.cluster.test_effects import check_of

pytestmark = pytest.mark.cluster


def test_within_his_quota_the_others_wait_as_before(run: Run) -> None:
    """PASS by neighbours; and brokers did hold him back."""
    done, run_dir = run("greedy-consumer", ())
    assert done.returncode == 0, done.stdout
    assert check_of(run_dir, "neighbours")["outcome"] == "PASS"
    assert [effect["bit"] for effect in verdict_of(run_dir)["fault_effects"]] == [True, True]


def test_without_a_quota_the_others_wait_longer_and_it_is_caught(run: Run) -> None:
    """FAIL by neighbours, with how long and how many times longer."""
    done, run_dir = run("control-greedy-no-quota", ())
    assert done.returncode == 0, done.stdout
    assert verdict_of(run_dir)["expected"] == "FAIL:neighbours"
    found = check_of(run_dir, "neighbours")
    assert all(piece["times"] > 2 for piece in found["evidence"])
