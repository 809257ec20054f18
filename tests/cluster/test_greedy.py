"""One who takes all he can, on the real cluster: within his quota nobody minds.

What is compared are waits on the machine that the tests run on: whatever else keeps it busy is in
the calm too, and hides what one more reader adds.
"""

import pytest

from tests.cluster.conftest import Run
from tests.cluster.test_controls import verdict_of
from tests.cluster.test_effects import check_of

pytestmark = pytest.mark.cluster


@pytest.mark.quiet
def test_within_his_quota_the_others_wait_as_before(run: Run) -> None:
    """PASS by neighbours; and brokers did hold him back."""
    done, run_dir = run("greedy-consumer", ())
    assert done.returncode == 0, done.stdout
    assert check_of(run_dir, "neighbours")["outcome"] == "PASS"
    assert [effect["bit"] for effect in verdict_of(run_dir)["fault_effects"]] == [True, True]
