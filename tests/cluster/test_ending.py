"""However a run ends, its faults end with it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from chaos.experiment.load import SHIPPED
from chaos.restore import lease_book
from lab.cluster import Lab
from tests.cluster.conftest import Door

pytestmark = pytest.mark.cluster

ZONE_FAULTS = ("az-kill", "az-blackhole", "latency")
GROUP_FAULTS = ("member-join", "member-leave", "member-kill")
HEALED_S = 60.0
LIFTED_S = 10.0


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for a condition; returns how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"{what} was awaited for {timeout_s} s"
        time.sleep(0.1)
    return time.monotonic() - began


def sound(lab: Lab) -> bool:
    """Every process runs and every link is healed."""
    return all(row.pid for row in lab.status()) and all(link.healthy() for link in lab.links())


def workers_of(run_dir: Path) -> list[int]:
    """The pids of a run's workers."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if f"--run={run_dir}" in (process.info["cmdline"] or []):
            found.append(process.pid)
    return found


def events(run_dir: Path) -> list[dict[str, object]]:
    """What has been logged so far, whole lines only."""
    text = (run_dir / "history" / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture
def in_the_fault(
    chaos: Door, outputs_file: Path, tmp_path: Path
) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], Path]]]:
    """Starts a small experiment and returns in the middle of its fault; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(fault: str) -> tuple[subprocess.Popen[str], Path]:
        file = SHIPPED / f"{fault if fault in ZONE_FAULTS else 'rebalance'}.yaml"
        fields = yaml.safe_load(file.read_text())
        fields["steps"] = [step for step in fields["steps"] if step["fault"] == fault]
        fields["workload"] = {"rate_per_s": 300, "partitions": 3, "producers": ["a"]}
        fields["workload"]["members"] = ["a", "b", "c"]
        fields["steps"][0] |= {"hold_s": 90, "after_s": 0}
        file, runs = tmp_path / "held.yaml", tmp_path / "runs"
        file.write_text(yaml.safe_dump(fields))
        process = chaos.start(
            "run", str(file), "--outputs", str(outputs_file), "--runs-dir", str(runs)
        )
        started.append(process)

        def active() -> bool:
            assert process.poll() is None, process.communicate()
            folders = list(runs.glob("*/history/events.jsonl"))
            return bool(folders) and '"kind":"effect"' in folders[0].read_text()

        wait_for(active, 90, "the fault")
        return process, next(runs.iterdir())

    yield start
    for process in started:
        if process.poll() is None:
            # A test failed in the middle: say where the run was, and leave no fault to the next.
            for log in (
                *tmp_path.glob("runs/*/reaper.log"),
                *tmp_path.glob("runs/*/history/*.jsonl"),
            ):
                print(log, log.read_text()[-4000:])
            process.kill()
            print(*process.communicate(timeout=10), sep="\n")
            chaos.call("restore")


@pytest.mark.parametrize("fault", ZONE_FAULTS + GROUP_FAULTS)
def test_kill_minus_nine_of_the_runner_leaves_nothing_behind(
    fault: str,
    lab: Lab,
    chaos: Door,
    in_the_fault: Callable[[str], tuple[subprocess.Popen[str], Path]],
) -> None:
    """The reaper heals within a minute; ``restore`` then finds nothing to do."""
    process, run_dir = in_the_fault(fault)
    assert lease_book().all()
    assert sound(lab) == (fault in GROUP_FAULTS)
    process.kill()
    process.communicate(timeout=10)
    wait_for(
        lambda: sound(lab) and not lease_book().all() and not workers_of(run_dir),
        HEALED_S,
        "the reaper",
    )
    done = chaos.call("restore")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")
    judged = chaos.call("judge", str(run_dir))
    assert judged.returncode == 4, judged.stdout


@pytest.mark.parametrize(
    ("number", "fault"),
    [(signal.SIGTERM, "az-kill"), (signal.SIGINT, "az-blackhole"), (signal.SIGTERM, "latency")],
)
def test_a_signal_lifts_the_fault_within_ten_seconds(
    number: signal.Signals,
    fault: str,
    lab: Lab,
    in_the_fault: Callable[[str], tuple[subprocess.Popen[str], Path]],
) -> None:
    """Outcome ABORTED, exit 5, the partial history judged as far as it goes."""
    process, run_dir = in_the_fault(fault)
    process.send_signal(number)
    lifted_s = wait_for(lambda: sound(lab), 30, "the heal")
    out, _ = process.communicate(timeout=60)
    assert lifted_s <= LIFTED_S
    assert process.returncode == 5, out
    verdict = json.loads((run_dir / "verdict.json").read_text())
    assert verdict["outcome"] == "ABORTED"
    assert verdict["records"]["acknowledged"] > 0
    assert signal.Signals(number).name in verdict["reason"]
    assert not lease_book().all()
    assert not workers_of(run_dir)


def test_a_run_refuses_to_start_over_a_live_lease(
    lab: Lab,
    chaos: Door,
    outputs_file: Path,
    in_the_fault: Callable[[str], tuple[subprocess.Popen[str], Path]],
) -> None:
    """Exit 2, one clear message; ``restore`` leaves the live run alone."""
    process, _ = in_the_fault("latency")
    try:
        refused = chaos.call("run", "baseline", "--outputs", str(outputs_file))
        assert refused.returncode == 2
        assert "lease" in refused.stderr
        assert "belongs to a run that goes on" in chaos.call("restore").stdout
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert sound(lab)


def test_the_reaper_ends_with_its_run(lab: Lab) -> None:
    """No reaper is left once no run is."""

    def reapers() -> list[int]:
        lines = ((p.pid, p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
        return [pid for pid, line in lines if "chaos.reaper" in line and pid != os.getpid()]

    assert sound(lab)
    wait_for(lambda: not reapers(), 10, "the end of the reapers")
