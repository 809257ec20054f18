"""From a run's folder to verdict.json, junit.xml and the page."""

from pathlib import Path

from blueprint.problem import BadInput, Problem
from chaos.experiment.load import parse, read_mapping
from chaos.experiment.model import Experiment
from chaos.junit import to_junit
from chaos.report.page import write_page
from chaos.verdict import Expected, Verdict, judge


def judge_run(run_dir: Path) -> Verdict:
    """Judge a run's history and write the verdict beside it.

    Raises:
        BadInput: The folder is not a run's, or cannot be written.
    """
    experiment = experiment_of(run_dir)
    expected = Expected(experiment.expect.outcome, experiment.expect.check)
    verdict = judge(run_dir / "history", expected)
    try:
        (run_dir / "verdict.json").write_text(verdict.to_json())
        (run_dir / "junit.xml").write_text(to_junit(verdict))
        write_page(run_dir, experiment, verdict)
    except OSError as error:
        raise BadInput(
            [Problem(str(run_dir), str(error.strerror), "a folder that can be written")]
        ) from None
    return verdict


def experiment_of(run_dir: Path) -> Experiment:
    """The experiment of a run, as it was run.

    Raises:
        BadInput: The folder is not a run's.
    """
    path = run_dir / "experiment.yaml"
    if not path.is_file():
        legal = "the folder of a run, with experiment.yaml and history/ in it"
        raise BadInput([Problem("RUN_DIR", repr(str(run_dir))[:120], legal)])
    return parse(read_mapping(path), str(path))
