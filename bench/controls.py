"""What each rule is worth: the experiment that breaks it, and the same one with the rule kept.

Every control runs on a lab of its own, broken and kept, and each run is appended to a file as it
ends; the table of docs/evidence.md is made of the latest run of each.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.sections import replace_section, table_of
from blueprint.problem import BadInput
from chaos.experiment.load import load
from chaos.experiment.model import Experiment
from chaos.judging import judge_run
from chaos.runner import Asked, run
from chaos.targets.target import TargetError
from chaos.terminal import Terminal
from chaos.verdict import Verdict

RESULTS = Path(__file__).parent / "results" / "controls.jsonl"
EVIDENCE = Path(__file__).parents[1] / "docs" / "evidence.md"
RUNS_DIR = Path("runs")
#: Longer than any experiment's ``max_duration_s`` as shipped.
_WAIT_S, _MOST_WAIT_S = 5.0, 600.0


@dataclass(frozen=True, slots=True)
class Control:
    """A rule, the experiment that breaks it, and what mends that experiment.

    Attributes:
        rule: As the policy has it.
        kept: What the experiment is told so that it breaks no rule; nothing else is changed.
    """

    rule: str
    kept: tuple[str, ...]


_EXACTLY_ONCE = ("workload.work.effects=exactly-once",)
CONTROLS: Mapping[str, Control] = {
    "control-acks-1": Control("acks=all", ("workload.acks=all", "workload.idempotence=true")),
    "control-min-isr-1": Control("min.insync.replicas 2", ("workload.min_insync_replicas=2",)),
    "control-unclean-election": Control(
        "unclean leader election off", ("workload.unclean_leader_election=false",)
    ),
    "control-replication-1": Control(
        "replication factor 3",
        (
            "workload.replication_factor=3",
            "workload.min_insync_replicas=2",
            "workload.replica_assignment=null",
        ),
    ),
    "control-one-zone-replicas": Control(
        "one replica per zone", ("workload.replica_assignment=[[1, 4, 5], [4, 5, 1], [5, 1, 4]]",)
    ),
    "control-one-zone-controllers": Control(
        "controllers over three zones", ("lab.controller_zones=[a, b, c]",)
    ),
    "control-no-idempotence": Control("idempotent producers", ("workload.idempotence=true",)),
    "control-short-retention": Control(
        "retention longer than the worst recovery", ("workload.retention_s=60",)
    ),
    "control-kafka-defaults": Control("failover within its target", ("lab.profile=balanced",)),
    "control-no-dedup": Control("applied events are remembered", _EXACTLY_ONCE),
    "control-commit-before-process": Control("committed once it is processed", _EXACTLY_ONCE),
}
_PASS = ("expect.outcome=PASS", "expect.check=null")


@dataclass(frozen=True, slots=True)
class Row:
    """One run of a control.

    Attributes:
        kept: Whether the rule was kept.
        found_by: The check that had to see it, where it did; else whichever did.
        no_ack_s: Longest time in which nothing was acknowledged on the worst partition while the
            fault lasted; None when it did not end.
        effects_missing: Acknowledged records without their effect; None where there are no effects.
        effects_repeated: Records with more than one; None likewise.
        cpu_load: Processes that wanted a core, the minute's mean when the run ended.
    """

    control: str
    kept: bool
    outcome: str
    as_expected: bool
    found_by: tuple[str, ...]
    acknowledged: int
    lost: int
    duplicated: int
    skipped: int
    no_ack_s: float | None
    took_s: float
    cpu_load: float
    effects_missing: int | None = None
    effects_repeated: int | None = None


def experiment_of(name: str, *, kept: bool) -> Experiment:
    """A control as it is shipped, or with its rule kept and a PASS expected."""
    return load(name, (*CONTROLS[name].kept, *_PASS) if kept else ())


def one_run(name: str, runs_dir: Path, *, kept: bool) -> Row:
    """Run and judge one control on a lab of its own."""
    experiment = experiment_of(name, kept=kept)
    began_s = time.monotonic()
    verdict = judge_run(_run(Asked(experiment, runs_dir)))
    return row_of(name, verdict, kept=kept, took_s=time.monotonic() - began_s)


def row_of(name: str, verdict: Verdict, *, kept: bool, took_s: float) -> Row:
    """What a verdict comes to."""
    failed = tuple(one.name for one in verdict.checks if one.outcome.value == "FAIL")
    wanted = verdict.expected.check
    records = verdict.records
    effects = next(one.figures for one in verdict.checks if one.name == "effect-once")
    return Row(
        control=name,
        kept=kept,
        outcome=verdict.outcome.value,
        as_expected=verdict.as_expected,
        found_by=(wanted,) if wanted in failed and wanted else failed,
        acknowledged=records["acknowledged"],
        lost=records["lost"],
        duplicated=records["duplicated"],
        skipped=records["skipped"],
        no_ack_s=verdict.recovery_s["produce"],
        took_s=round(took_s, 1),
        cpu_load=round(os.getloadavg()[0], 1),
        effects_missing=_count(effects, "missing"),
        effects_repeated=_count(effects, "repeated"),
    )


def _count(figures: Mapping[str, object], name: str) -> int | None:
    found = figures.get(name)
    return found if isinstance(found, int) else None


def table(rows: Sequence[Row]) -> str:
    """The latest run of each control, broken and kept, as Markdown."""
    latest = {(row.control, row.kept): row for row in rows}
    counts = ("lost", "twice", "skipped", "without effect", "with two", "of acknowledged")
    names = (
        *("rule", "experiment"),
        *("broken: verdict", *counts, "longest time without an acknowledgement"),
        *("kept: verdict", *counts, "longest time"),
    )
    told_of = [
        [
            control.rule,
            f"`{name}`",
            *_cells(latest.get((name, False))),
            *_cells(latest.get((name, True))),
        ]
        for name, control in CONTROLS.items()
    ]
    loads = [row.cpu_load for row in latest.values()]
    told = f"{min(loads):g} to {max(loads):g}" if loads else "unknown"
    waiting = f"Mean processes per minute that wanted one of the cores: {told}."
    return f"{table_of(names, told_of)}\n{waiting}"


def _cells(row: Row | None) -> list[str]:
    if row is None:
        return ["not run", *[""] * 7]
    by = f" by {', '.join(f'`{one}`' for one in row.found_by)}" if row.found_by else ""
    pause = "did not end" if row.no_ack_s is None else f"{row.no_ack_s:.1f} s"
    counts = (row.lost, row.duplicated, row.skipped, row.effects_missing, row.effects_repeated)
    said = ("" if count is None else f"{count:,}" for count in (*counts, row.acknowledged))
    return [f"{row.outcome}{by}", *said, pause]


def saved(path: Path) -> list[Row]:
    """Every run so far, the oldest first."""
    if not path.exists():
        return []
    said: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [Row(**{**one, "found_by": tuple(one["found_by"])}) for one in said]


def _run(asked: Asked) -> Path:
    """Run as soon as nobody else's run holds a lease; after ``_MOST_WAIT_S`` it is refused."""
    deadline_s = time.monotonic() + _MOST_WAIT_S
    while True:
        try:
            return run(asked, Terminal(asked.experiment.max_duration_s))
        except BadInput as refused:
            leased = all(problem.path.startswith("lease ") for problem in refused.problems)
            if not leased or time.monotonic() > deadline_s:
                raise
            time.sleep(_WAIT_S)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="all by default")] = None,
    kept: Annotated[bool, typer.Option(help="also with the rule kept")] = True,
    out: Path = RESULTS,
    runs_dir: Path = RUNS_DIR,
    evidence: Path = EVIDENCE,
) -> None:
    """Run controls, broken and kept, and write the table. About two minutes for each."""
    wrong = []
    for name in names if names is not None else list(CONTROLS):
        for keep in (False, True) if kept else (False,):
            try:
                row = one_run(name, runs_dir, kept=keep)
            except TargetError as error:
                raise typer.Exit(_said(f"{name}: {error}")) from None
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
            print(json.dumps(asdict(row)), flush=True)
            wrong += [] if row.as_expected else [f"{name}{' (kept)' if keep else ''}"]
    replace_section(evidence, "controls", table(saved(out)))
    if wrong:
        raise typer.Exit(_said(f"not as expected: {', '.join(wrong)}"))


def _said(why: str) -> int:
    print(why)
    return 1


if __name__ == "__main__":
    typer.run(main)
