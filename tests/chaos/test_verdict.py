"""The verdict: which outcome wins, what a broken history comes to, what the process says."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.checks import REGISTRY
from chaos.checks.result import Check, CheckOutcome
from chaos.history.doctor import CHANGES, doctor
from chaos.junit import to_junit
from chaos.verdict import Expected, Outcome, judge
from tests.chaos.history_of import Told

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_a_whole_history_that_kept_every_promise_is_a_pass(tmp_path: Path) -> None:
    """PASS, exit 0, and verdict.json says what it must."""
    verdict = judge(Told().whole(5).write(tmp_path), Expected())
    said = json.loads(verdict.to_json())
    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)
    assert said["schema"] == 1
    assert said["records"]["acknowledged"] == said["records"]["final"] == 5
    assert set(said["records"]) == {
        "attempted",
        "acknowledged",
        "unknown",
        "failed",
        "final",
        "lost",
        "visible_then_lost",
        "duplicated",
        "phantom",
        "reordered",
        "skipped",
    }
    assert set(said["recovery_s"]) == {"produce", "isr", "commit", "lag"}
    assert [check["name"] for check in said["checks"]] == [check.name for check in REGISTRY]


@pytest.mark.parametrize(
    "name", ["events.jsonl", "produced/00000.parquet", "final/2/00000.parquet"]
)
def test_a_file_that_is_gone_is_inconclusive(name: str, tmp_path: Path) -> None:
    """The file is named."""
    folder = Told().whole(3).write(tmp_path)
    (folder / name).unlink()
    verdict = judge(folder, Expected())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert name in verdict.reason


def test_a_history_without_a_manifest_is_inconclusive(tmp_path: Path) -> None:
    """The run did not come to its end."""
    folder = Told().whole(3).write(tmp_path)
    (folder / "manifest.json").unlink()
    verdict = judge(folder, Expected())
    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)


@SLOW
@given(data=st.data())
def test_a_damaged_history_is_never_a_pass(data: st.DataObject, tmp_path_factory: Any) -> None:  # noqa: ANN401
    """Cut any file anywhere, or change any byte: never PASS, never a traceback."""
    folder = Told().whole(4).write(tmp_path_factory.mktemp("history"))
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    name = data.draw(st.sampled_from(files))
    content = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        changed = content[:at]
    else:
        changed = (
            content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
        )
    (folder / name).write_bytes(changed)
    verdict = judge(folder, Expected())
    same = name == "manifest.json" and _says_the_same(content, changed)
    assert verdict.outcome in (Outcome.INVALID, Outcome.INCONCLUSIVE) or same
    assert verdict.reason or same


def _says_the_same(before: bytes, after: bytes) -> bool:
    """White space may change in JSON without changing what it says."""
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("how", "check"),
    [("drop", "lost"), ("duplicate", "duplicate"), ("swap", "order"), ("corrupt", "divergence")],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_doctored_history_is_caught(how: str, check: str, seed: int, tmp_path: Path) -> None:
    """One record dropped, doubled, swapped or broken: FAIL by the check that is about it."""
    folder = Told().whole(20).write(tmp_path)
    doctor(folder, how, seed)
    verdict = judge(folder, Expected("FAIL", check))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.as_expected
    assert verdict.exit_code == 0
    assert set(CHANGES) == {"drop", "duplicate", "swap", "corrupt"}


def test_a_check_that_crashes_is_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has judged nothing, so nothing follows."""

    def crash(*_: object) -> Any:  # noqa: ANN401
        raise ZeroDivisionError("on purpose")

    for broken in (Check("lost", crash), Check("lost", crash, crash)):
        monkeypatch.setattr("chaos.verdict.REGISTRY", (broken, *REGISTRY[1:]))
        verdict = judge(Told().whole(3).write(tmp_path / str(id(broken))), Expected())
        assert verdict.outcome is Outcome.INVALID
        assert "on purpose" in str(verdict.checks[0].evidence)


def test_an_aborted_run_is_aborted_whatever_else_it_is(tmp_path: Path) -> None:
    """Its partial history is judged all the same."""
    told = Told().whole(3).told(50, "aborted", why="SIGTERM was received")
    verdict = judge(told.write(tmp_path), Expected())
    assert (verdict.outcome, verdict.exit_code) == (Outcome.ABORTED, 5)
    assert verdict.records["acknowledged"] == 3
    assert verdict.reason == "SIGTERM was received"


def test_a_control_that_is_not_caught_fails(tmp_path: Path) -> None:
    """A sound history where a FAIL was expected: exit 1. The wrong check: exit 1, too."""
    folder = Told().whole(3).write(tmp_path / "sound")
    assert judge(folder, Expected("FAIL", "lost")).exit_code == 1
    lossy = Told().whole(3).sent(3, 3).write(tmp_path / "lossy")
    assert judge(lossy, Expected("FAIL", "duplicate")).exit_code == 1
    assert judge(lossy, Expected("FAIL", "lost")).exit_code == 0
    assert judge(lossy, Expected()).exit_code == 1


def test_the_same_history_gives_the_same_verdict(tmp_path: Path) -> None:
    """Byte for byte."""
    folder = Told().whole(30).sent(30, 30).write(tmp_path)
    assert judge(folder, Expected()).to_json() == judge(folder, Expected()).to_json()


def test_junit_has_a_case_for_each_check(tmp_path: Path) -> None:
    """A failure fails; a control that was caught is green."""
    folder = Told().whole(3).sent(3, 3).write(tmp_path)
    assert '<failure message="lost: FAIL"' in to_junit(judge(folder, Expected()))
    caught = to_junit(judge(folder, Expected("FAIL", "lost")))
    assert 'failures="0"' in caught
    assert caught.count("<testcase") == len(REGISTRY)


def test_outcomes_of_checks_and_runs_are_named_alike() -> None:
    """A check's outcome can be the run's, but for what it did not judge."""
    judged = {outcome.value for outcome in CheckOutcome if outcome is not CheckOutcome.NOT_JUDGED}
    assert judged <= {outcome.value for outcome in Outcome}
