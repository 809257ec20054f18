"""Writes report.html: one file, no script, nothing to fetch."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from chaos.checks.result import CheckResult
from chaos.experiment.dump import dump
from chaos.experiment.model import Experiment
from chaos.history.read import Damaged, Incomplete, open_history
from chaos.report.series import Curves, curves
from chaos.report.timeline import timeline_svg
from chaos.report.words import QUESTIONS, expectation, headline, summary
from chaos.verdict import Verdict

_TIMES = {
    "produce_s": "writing paused",
    "isr_s": "full ISR after the heal",
    "commit_s": "progress paused",
    "lag_s": "lag normal after the heal",
}
_MOST_EVIDENCE = 5


def write_page(run_dir: Path, experiment: Experiment, verdict: Verdict) -> None:
    """Write the page of a judged run."""
    text = render(experiment, verdict, _curves(run_dir / "history"), run_dir.name)
    (run_dir / "report.html").write_text(text)


def render(experiment: Experiment, verdict: Verdict, shown: Curves | None, run: str) -> str:
    """The page as text."""
    loader = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pictures = [Markup(timeline_svg(shown, narrow=n)) for n in (False, True)] if shown else []
    return page.get_template("page.html.j2").render(
        experiment=experiment,
        verdict=verdict,
        run=run,
        headline=headline(verdict),
        summary=summary(verdict, [step.id for step in experiment.steps]),
        expectation=expectation(verdict),
        pictures=pictures,
        bands=shown.bands if shown else (),
        recoveries=_recoveries(verdict),
        checks=[_check(check) for check in verdict.checks],
        experiment_yaml=dump(experiment),
        versions=_versions(),
    )


def _curves(history: Path) -> Curves | None:
    try:
        return curves(open_history(history))
    except (Incomplete, Damaged):
        # The verdict says why; there is nothing trustworthy to draw.
        return None


def _recoveries(verdict: Verdict) -> list[dict[str, object]]:
    result = next((c for c in verdict.checks if c.name == "recovery-time"), None)
    faults = result.figures.get("faults") if result else None
    return (
        [_recovery(fault) for fault in faults or () if isinstance(fault, Mapping)]
        if isinstance(faults, Sequence)
        else []
    )


def _recovery(fault: Mapping[str, Mapping[str, float | None]]) -> dict[str, object]:
    cells = []
    for name, title in _TIMES.items():
        measured = fault["measured"].get(name)
        limit, predicted = fault["limits"].get(name), fault["predicted"].get(name)
        share = 1.0 if measured is None or not limit else min(1.0, measured / limit)
        cells.append(
            {
                "title": title,
                "measured": "did not finish" if measured is None else f"{measured:.2f} s",
                "allowed": _allowed(limit, predicted),
                "percent": round(100 * share),
                "over": name in fault["over"],
            }
        )
    return {"id": fault["id"], "fault": fault["fault"], "zone": fault["zone"], "cells": cells}


def _allowed(limit: float | None, predicted: float | None) -> str:
    if limit is None or predicted is None:
        return "no limit is known"
    if limit == predicted:
        return f"predicted, and allowed: {limit:.1f} s"
    return f"predicted {predicted:.1f} s, allowed {limit:.1f} s"


def _check(check: CheckResult) -> dict[str, object]:
    evidence = [str(dict(piece)) for piece in check.evidence[:_MOST_EVIDENCE]]
    return {
        "name": check.name,
        "question": QUESTIONS.get(check.name, ""),
        "outcome": check.outcome.value,
        "figures": _figures(check),
        "evidence": evidence,
        "more": len(check.evidence) - len(evidence),
    }


def _figures(check: CheckResult) -> str:
    plain = {
        name: value
        for name, value in check.figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if check.name == "availability":
        shares = check.figures.get("share_in_time")
        plain = _least_shares(shares) if isinstance(shares, Mapping) else {}
    if check.name == "recovery-time":
        faults = check.figures.get("faults")
        plain = {"faults": len(faults)} if isinstance(faults, Sequence) else {}
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in plain.items())


def _least_shares(shares: Mapping[str, Mapping[str, float]]) -> dict[str, int | float]:
    return {
        f"{period} (worst zone, %)": round(100 * min(zones.values()), 2)
        for period, zones in shares.items()
        if zones
    }


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _versions() -> dict[str, str]:
    names = ("confluent-kafka", "toxiproxy-python", "pyarrow")
    return {name: importlib.metadata.version(name) for name in names}
