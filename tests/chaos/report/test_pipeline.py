"""What a pipeline is told of a run: annotations, and a summary in Markdown."""

import sys
from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.experiment.dump import dump
from chaos.experiment.load import load
from chaos.report.pipeline import Level, annotation
from tests.chaos.history_of import Told


def run_dir(folder: Path, experiment: str, told: Told) -> Path:
    """A run as it was left."""
    folder.mkdir()
    (folder / "experiment.yaml").write_text(dump(load(experiment)))
    told.write(folder / "history")
    return folder


def sound() -> Told:
    """Fifty records, all of them there."""
    return Told().whole(50, from_s=94)


def losing() -> Told:
    """One more, acknowledged and on no replica."""
    return sound().sent(50, 50, at_s=95)


def told(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Call the door as a pipeline would."""
    monkeypatch.setattr(sys, "argv", ["chaos", "summary", *map(str, arguments)])
    return main()


def test_a_pass_is_one_notice_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With every check's question and answer."""
    run, page = run_dir(tmp_path / "run", "baseline", sound()), tmp_path / "summary.md"
    assert told(monkeypatch, run, "--to", page) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("::notice title=told%3A PASS::Nothing that was acknowledged")
    text = page.read_text()
    assert text.startswith("## ✅ told: PASS\n\n**Nothing that was acknowledged was lost.**")
    assert "| Is every acknowledged record on every replica? | PASS |" in text


def test_a_loss_is_an_error_for_each_check_that_saw_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict first, then what is to blame with its evidence; one line each."""
    run, page = run_dir(tmp_path / "run", "baseline", losing()), tmp_path / "summary.md"
    assert told(monkeypatch, run, "--to", page) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("::error title=told%3A FAIL::1 acknowledged record was lost.")
    assert any(line.startswith("::error title=told%3A lost%3A FAIL::") for line in lines)
    assert all(line.startswith("::error ") for line in lines)
    assert page.read_text().startswith("## ❌ told: FAIL")


def test_a_control_that_was_caught_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one that was not is."""
    caught = run_dir(tmp_path / "caught", "control-doctored-history", losing())
    missed = run_dir(tmp_path / "missed", "control-doctored-history", sound())
    page = tmp_path / "summary.md"
    assert told(monkeypatch, caught, missed, "--to", page) == 0
    kinds = [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["::notice", "::error"]
    assert "must be judged FAIL by the check lost, and it was." in page.read_text()
    assert "and it was NOT." in page.read_text()


def test_what_was_there_of_a_summary_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has several runs."""
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    assert told(monkeypatch, run_dir(tmp_path / "run", "baseline", sound()), "--to", page) == 0
    assert page.read_text().startswith("before\n## ")


@pytest.mark.parametrize("wrong", ["run", "to"])
def test_bad_input_is_named(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is no run's, and a page that cannot be written."""
    run = tmp_path / "none" if wrong == "run" else run_dir(tmp_path / "run", "baseline", sound())
    page = tmp_path / "no" / "summary.md"
    assert told(monkeypatch, run, "--to", page) == 2
    assert ("RUN_DIR" if wrong == "run" else "--to") in capsys.readouterr().err


def test_an_annotation_is_one_line_whatever_is_in_it() -> None:
    """Its own marks are escaped, so nothing in it begins another."""
    line = annotation(Level.WARNING, "a: b, c", "50 %\n::error::x", "stacks/a,b.yaml")
    assert line == ("::warning file=stacks/a%2Cb.yaml,title=a%3A b%2C c::50 %25%0A::error::x")
