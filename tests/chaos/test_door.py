"""The door: bad input is one message and exit 2, and nothing has changed."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.__main__ import main
from chaos.experiment.dump import dump
from chaos.experiment.load import load
from tests.chaos.history_of import Told

FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: An argument cannot hold a NUL, and a surrogate is no text.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of other runs are none of these tests' business."""
    monkeypatch.setenv("QUORATE_CACHE", str(tmp_path_factory.mktemp("cache")))


def door(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Call the door as the command line would."""
    monkeypatch.setattr(sys, "argv", ["chaos", *arguments])
    return main()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nonsense"), "gameday"),
        (("run", "gameday", "--seed", "x"), "Invalid value for '--seed'"),
        (("run", "gameday", "--seed", "-5"), "greater than or equal to 0"),
        (("run", "gameday", "--set", "workload.rate_per_s=fast"), "workload.rate_per_s"),
        (("run", "gameday", "--set", "lab.profile=none"), "balanced"),
        (("run", "gameday", "--outputs", "/nowhere.json"), "/nowhere.json"),
        (("run", "gameday", "--stack", "local"), "--outputs"),
        (("validate", "gameday", "--set", "steps.0.fault=x"), "az-kill"),
        (("judge", "/nowhere"), "experiment.yaml"),
        (("nonsense",), "No such command"),
    ],
)
def test_bad_input_is_named(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Exit 2; what was given, what is legal; no run folder."""
    runs = tmp_path / "runs"
    if arguments[0] == "run":
        arguments = (*arguments, "--runs-dir", str(runs))
    assert door(monkeypatch, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not runs.exists()


@FUZZ
@given(kind=st.sampled_from(["--seed", "--set", "--outputs", "--stack"]), value=WORDS)
def test_any_value_of_an_option_is_refused_in_one_message(
    kind: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown experiment name keeps a legal value from starting anything."""
    arguments = ("run", "no-such-experiment", kind, value, "--runs-dir", str(tmp_path / "runs"))
    assert door(monkeypatch, *arguments) == 2
    assert not (tmp_path / "runs").exists()


@FUZZ
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_outputs_file_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit 2 before anything is made."""
    file = tmp_path / "outputs.json"
    file.write_bytes(content)
    runs = tmp_path / "runs"
    asked = ("run", "baseline", "--outputs", str(file), "--runs-dir", str(runs))
    assert door(monkeypatch, *asked) == 2
    assert not runs.exists()


@FUZZ
@given(content=st.binary(max_size=200))
def test_any_experiment_of_a_run_folder_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``judge`` on a folder whose experiment is not one: exit 2, nothing written."""
    (tmp_path / "experiment.yaml").write_bytes(content)
    assert door(monkeypatch, "judge", str(tmp_path)) == 2
    assert not (tmp_path / "verdict.json").exists()


@pytest.mark.parametrize("what", ["nothing", "a file", "garbage"])
def test_a_run_folder_without_a_history_is_inconclusive(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit 4, never 0, never a traceback."""
    (tmp_path / "experiment.yaml").write_text(dump(load("baseline")))
    if what == "a file":
        (tmp_path / "history").write_text("not a folder")
    elif what == "garbage":
        (tmp_path / "history").mkdir()
        (tmp_path / "history" / "events.jsonl").write_text("{}")
    assert door(monkeypatch, "judge", str(tmp_path)) == 4
    assert json.loads((tmp_path / "verdict.json").read_text())["outcome"] == "INCONCLUSIVE"


def test_judge_says_what_it_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The outcome and the page's path are the last two lines."""
    (tmp_path / "experiment.yaml").write_text(dump(load("baseline")))
    Told().whole(50, from_s=94).write(tmp_path / "history")
    assert door(monkeypatch, "judge", str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["PASS", str(tmp_path / "report.html")]


def test_the_list_names_every_experiment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one sentence each."""
    assert door(monkeypatch, "list") == 0
    said = capsys.readouterr().out
    assert "gameday" in said
    assert "control-min-isr-1" in said


def test_restore_with_nothing_to_restore_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And may be repeated."""
    for _ in range(2):
        assert door(monkeypatch, "restore") == 0
        assert capsys.readouterr().out == "nothing to do\n"
