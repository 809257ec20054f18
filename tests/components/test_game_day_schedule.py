"""What the shipped game days' jobs say is what the suite's door understands."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.game_day_schedule import RUNS_FOLDER
from tests.policies.stacks import AWS, KUBERNETES, ROOT, shipped


def suite_of(stack: str) -> dict[str, Any]:
    """The container that runs the suite."""
    jobs = [one for one in shipped(stack) if one.type == "kubernetes:batch/v1:CronJob"]
    assert [job.name for job in jobs] == ["game-day"]
    pod: Any = jobs[0].properties["spec"]
    pod = pod["jobTemplate"]["spec"]["template"]["spec"]
    (suite,) = pod["containers"]
    assert isinstance(suite, dict)
    return suite


@pytest.mark.parametrize(
    ("stack", "experiment"), [(AWS, "az-blackhole"), (KUBERNETES, "rebalance")]
)
def test_the_job_runs_its_experiment_on_its_own_outputs(
    stack: str, experiment: str, tmp_path: Path
) -> None:
    """Word for word, but for where the files are: all that the door refuses is the outputs."""
    suite = suite_of(stack)
    words = [*suite["command"], *suite["args"]]
    assert words[:5] == ["python", "-m", "chaos", "run", experiment]
    outputs = words[words.index("--outputs") + 1]
    mounted = [one["mountPath"] for one in suite["volumeMounts"]]
    assert any(Path(outputs).is_relative_to(one) for one in mounted)
    assert RUNS_FOLDER in mounted
    given = tmp_path / "outputs.json"
    given.write_text("{}")
    places = {outputs: str(given), RUNS_FOLDER: str(tmp_path / "runs")}
    done = subprocess.run(
        [sys.executable, *(places.get(word, word) for word in words[1:])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "bootstrap_servers: got nothing" in done.stderr
    assert all(line.startswith("chaos: ") for line in done.stderr.splitlines())
    assert not (tmp_path / "runs").exists()
