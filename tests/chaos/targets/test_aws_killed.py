"""However a run on AWS ends, the lease alone is enough to undo what it did."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from blueprint.outputs import StackOutputs
from chaos.interrupt import wait_until
from chaos.restore import lease_book, restore
from chaos.targets.aws import AwsTarget
from tests.chaos.targets.network import (
    Picture,
    described,
    enforced,
    make_network,
    make_stacks_network,
    outputs_of,
    picture,
    stacks_outputs,
)
from tests.chaos.targets.playing import (
    BEFORE_THE_LEASE,
    Calls,
    Killed,
    calls_of,
    cut_and_mend,
    everybody,
    recorded,
)

ROOT = Path(__file__).parents[3]


#: Subnets to be cut off in each zone: two, or the nodes' one of the three that a stack makes.
_SUBNETS = (2, 1)
StackOf = Callable[[int], AwsTarget]


def _ends(first: int) -> list[tuple[int, int]]:
    """For each network after which call it may end, from this one on."""
    return [(cut, last) for cut in _SUBNETS for last in range(first, len(calls_of(cut)) + 1)]


@pytest.fixture
def stack_of(at_once: None) -> Iterator[StackOf]:
    """A stack in this process with so many subnets to be cut off in each zone."""

    def made(subnets: int) -> AwsTarget:
        own = subnets == 1
        outputs = stacks_outputs(make_stacks_network()) if own else outputs_of(make_network())
        return AwsTarget(outputs, enforced(described(outputs).vpc_id))

    with mock_aws():
        yield made


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "before the next"])
@pytest.mark.parametrize(("subnets", "last"), _ends(0))
def test_killed_after_any_call_the_lease_alone_puts_everything_back(
    subnets: int, last: int, answered: bool, stack_of: StackOf, run_dir: Path
) -> None:
    """The second time there is nothing to do, and nothing is changed."""
    target, all_calls = stack_of(subnets), calls_of(subnets)
    before = picture()
    calls = Calls(last, answered=answered)
    if answered or last < len(all_calls):
        with pytest.raises(Killed):
            cut_and_mend(recorded(target), run_dir)
    else:
        cut_and_mend(recorded(target), run_dir)
    assert tuple(calls.names) == all_calls[:last]
    first_leased, last_leased = BEFORE_THE_LEASE + answered, len(all_calls) - (not answered)
    leased = first_leased <= last <= last_leased
    assert bool(lease_book().all()) == leased

    Calls()
    done = restore(lease_book(), everybody)
    assert bool(done) == leased
    assert picture() == before
    assert lease_book().all() == []

    again = Calls()
    assert restore(lease_book(), everybody) == []
    assert again.names == []
    assert picture() == before


@pytest.mark.parametrize(("subnets", "last"), _ends(BEFORE_THE_LEASE + 1))
def test_a_restore_that_is_killed_after_any_call_is_finished_by_the_next(
    subnets: int, last: int, stack_of: StackOf, run_dir: Path
) -> None:
    """However often, and wherever the run itself was killed."""
    target = stack_of(subnets)
    before = picture()
    Calls(last)
    with pytest.raises(Killed):
        cut_and_mend(recorded(target), run_dir)
    kills = 0
    while True:
        # Each attempt gets further by at most the calls that it is let.
        Calls(1 + kills)
        kills += 1
        try:
            restore(lease_book(), everybody)
        except Killed:
            assert lease_book().all()
            continue
        break
    Calls()
    assert picture() == before
    assert lease_book().all() == []
    assert kills < 10


@pytest.fixture
def play(
    served: StackOutputs, run_dir: Path, tmp_path: Path
) -> Iterator[Callable[[str, float], subprocess.Popen[str]]]:
    """Starts an az-blackhole in a process of its own, on AWS behind an address."""
    file = tmp_path / "outputs.json"
    file.write_text(served.to_json())
    started: list[subprocess.Popen[str]] = []

    def start(how: str, figure: float) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.chaos.targets.playing"),
                    *(str(file), str(run_dir), how, f"{figure:g}"),
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def restored() -> subprocess.CompletedProcess[str]:
    """``python -m chaos restore``, which knows of AWS what the lease and the environment say."""
    return subprocess.run(
        [sys.executable, "-m", "chaos", "restore"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("last", [6, 8, 11, 14])
def test_after_a_real_sigkill_the_restore_command_puts_everything_back(
    last: int, play: Callable[[str, float], subprocess.Popen[str]]
) -> None:
    """With the zone's network ACL made, half cut off, in the fault, half put back."""
    before = picture()
    process = play("kill", last)
    _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, said
    assert len(lease_book().all()) == 1
    done = restored()
    assert done.returncode == 0, done.stderr
    assert "cut is undone" in done.stdout
    assert picture() == before
    assert not lease_book().all()


def _held(
    play: Callable[[str, float], subprocess.Popen[str]], before: Picture
) -> subprocess.Popen[str]:
    process = play("hold", 90)
    wait_for(lambda: "effect" in _kinds(), 120, "the fault")
    assert picture() != before
    return process


def _kinds() -> set[str]:
    ((_, lease),) = lease_book().all() or ((None, None),)
    if lease is None:
        return set()
    lines = (Path(lease.run_dir) / "history" / "events.jsonl").read_text().splitlines()
    return {json.loads(line)["kind"] for line in lines if line.endswith("}")}


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for a condition; returns how long it took."""
    began_s = time.monotonic()
    assert wait_until(condition, timeout_s), f"{what} was awaited for {timeout_s:g} s"
    return time.monotonic() - began_s


def test_kill_minus_nine_in_the_fault_is_undone_by_the_reaper(
    play: Callable[[str, float], subprocess.Popen[str]],
) -> None:
    """Within a minute, and ``restore`` then finds nothing to do."""
    before = picture()
    process = _held(play, before)
    process.kill()
    process.communicate(timeout=10)
    wait_for(lambda: picture() == before and not lease_book().all(), 60, "the reaper")
    assert restored().stdout == "nothing to do\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lifts_the_cut_within_ten_seconds(
    number: signal.Signals, play: Callable[[str, float], subprocess.Popen[str]]
) -> None:
    """From the signal to the subnets' own network ACLs."""
    before = picture()
    process = _held(play, before)
    process.send_signal(number)
    assert wait_for(lambda: picture() == before, 30, "the heal") <= 10
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, f"{number.name} was received\n"), said
    assert not lease_book().all()
