"""The door of the suite: ``python -m chaos list | validate | run | judge | summary | restore``."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from blueprint.door import run_door
from blueprint.outputs import StackOutputs
from blueprint.outputs import load as load_outputs
from blueprint.problem import BadInput, Problem
from chaos.checks.result import CheckOutcome
from chaos.experiment.load import load, shipped
from chaos.judging import experiment_of, judge_run
from chaos.report.pipeline import annotations, summary_page
from chaos.restore import due, lease_book, restore
from chaos.runner import Asked, run
from chaos.stack import outputs_of_stack
from chaos.targets.lab import config_of
from chaos.targets.target import TargetError
from chaos.terminal import Terminal, out
from chaos.verdict import Verdict

RUNS_DIR = Path("runs")

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False
)
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="path=value, such as workload.rate_per_s=1000")
]


@app.command("list")
def list_experiments() -> None:
    """The experiments that come with the project."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for experiment in shipped():
        table.add_row(experiment.name, experiment.says)
    Console().print(table)


@app.command()
def validate(name_or_file: str, overrides: Overrides = None) -> None:
    """Check an experiment; names every error at once and changes nothing."""
    experiment = load(name_or_file, overrides or ())
    config_of("validate", experiment.lab)
    out(f"{experiment.name}: valid; {len(experiment.steps)} steps, {experiment.says}")


@app.command("run")
def run_experiment(
    name_or_file: str,
    outputs: Annotated[Path | None, typer.Option(help="StackOutputs of a running cluster")] = None,
    stack: Annotated[str | None, typer.Option(help="a Pulumi stack that exports them")] = None,
    seed: Annotated[int | None, typer.Option(help="replays the choices of a run")] = None,
    runs_dir: Annotated[Path, typer.Option(help="where the run's folder is made")] = RUNS_DIR,
    overrides: Overrides = None,
) -> None:
    """Run an experiment and judge it; without --outputs or --stack on a lab of its own."""
    experiment = load(name_or_file, overrides or (), seed)
    config_of("validate", experiment.lab)
    asked = Asked(experiment, runs_dir, _outputs(outputs, stack))
    terminal = Terminal(experiment.max_duration_s)
    run_dir = run(asked, terminal)
    terminal.say("judging every record")
    _conclude(run_dir)


@app.command()
def judge(run_dir: Path) -> None:
    """The verdict of a run again, from its history alone."""
    _conclude(run_dir)


@app.command()
def summary(
    run_dirs: list[Path],
    to: Annotated[Path, typer.Option(help="Markdown is added to this file")],
) -> None:
    """Tell a pipeline of runs: annotations as lines of output, and a page of all of them."""
    for run_dir in run_dirs:
        verdict, steps = judge_run(run_dir), experiment_of(run_dir).steps
        for line in annotations(verdict):
            out(line)
        _append(to, summary_page(verdict, [step.id for step in steps]))


@app.command("restore")
def restore_all() -> None:
    """Undo whatever any run left behind; safe to repeat."""
    book = lease_book()
    done = restore(book)
    for line in done:
        out(line)
    for _, lease in book.all():
        if not due(lease):
            out(f"{Path(lease.run_dir).name}: {lease.what} belongs to a run that goes on; left")
    for path in book.damaged():
        raise BadInput([Problem(f"lease {path}", "a file that is no lease", "a lease")])
    if not done:
        out("nothing to do")


def _conclude(run_dir: Path) -> None:
    verdict = judge_run(run_dir)
    _print_verdict(verdict, run_dir)
    raise typer.Exit(verdict.exit_code)


def _print_verdict(verdict: Verdict, run_dir: Path) -> None:
    for check in verdict.checks:
        if check.outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED):
            out(f"  {check.outcome.value:12} {check.name}: {_first(check.evidence, check.figures)}")
    records, times = verdict.records, verdict.recovery_s
    out(
        f"  acknowledged {records['acknowledged']:,}, lost {records['lost']:,}, "
        f"duplicated {records['duplicated']:,}, unknown {records['unknown']:,}"
    )
    said = ", ".join(
        f"{name} {'did not finish' if time is None else f'{time:.1f} s'}"
        for name, time in times.items()
    )
    out(f"  recovery: {said}")
    expected = "" if verdict.expected.outcome == "PASS" else f" (expected: {_wanted(verdict)})"
    reason = f": {verdict.reason}" if verdict.reason else ""
    out(f"{verdict.outcome.value}{expected}{reason}")
    out(str(run_dir / "report.html"))


def _wanted(verdict: Verdict) -> str:
    wanted = verdict.expected
    by = f" by {wanted.check}" if wanted.check else ""
    return f"{wanted.outcome}{by}, {'as it is' if verdict.as_expected else 'which it is NOT'}"


def _first(evidence: object, figures: object) -> str:
    pieces = evidence if isinstance(evidence, tuple) else ()
    return str(dict(pieces[0]) if pieces else figures)[:300]


def _outputs(path: Path | None, stack: str | None) -> StackOutputs | None:
    if path is not None and stack is not None:
        raise BadInput([Problem("--outputs and --stack", "both", "one of them")])
    if stack is not None:
        return outputs_of_stack(stack)
    return load_outputs(_text(path)) if path is not None else None


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a") as file:
            file.write(text)
    except OSError as error:
        legal = "a file that can be written"
        raise BadInput([Problem("--to", str(path), legal, str(error.strerror))]) from None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        raise BadInput([Problem("--outputs", str(path), "a readable file", reason)]) from None


def main() -> int:
    """Run the door; bad input and an unwilling target are one line each and exit 2."""
    return run_door(app, "chaos", BadInput, TargetError)


if __name__ == "__main__":
    sys.exit(main())
