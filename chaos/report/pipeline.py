"""A run's result for a pipeline: annotations as GitHub's runners read them, and a summary page."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from chaos.checks.result import CheckOutcome, CheckResult
from chaos.report.words import QUESTIONS, expectation, headline, summary
from chaos.verdict import Verdict

_MOST_EVIDENCE = 3
_MOST_TEXT = 2000


class Level(StrEnum):
    """How loud an annotation is."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


def annotation(level: Level, title: str, text: str, file: str = "") -> str:
    """One annotation as a line of output; a file that it is about is named if there is one."""
    about = f"file={_property(file)}," if file else ""
    return f"::{level.value} {about}title={_property(title)}::{_data(text)}"


def annotations(verdict: Verdict) -> Iterator[str]:
    """One line for the verdict, and one for each check that is to blame for a wrong one."""
    title = f"{verdict.experiment}: {verdict.outcome.value}"
    if verdict.as_expected:
        yield annotation(Level.NOTICE, title, headline(verdict))
        return
    wanted = expectation(verdict)
    yield annotation(Level.ERROR, title, f"{headline(verdict)} {wanted} {verdict.reason}".strip())
    for check in verdict.checks:
        if check.outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED):
            title = f"{verdict.experiment}: {check.name}: {check.outcome.value}"
            yield annotation(Level.ERROR, title, _evidence(check))


def summary_page(verdict: Verdict, steps: Sequence[str]) -> str:
    """The result in Markdown: the verdict, what it means, and every check with its answer.

    Args:
        verdict: Of the run.
        steps: What was done to the cluster, by the names of the experiment.
    """
    mark = "✅" if verdict.as_expected else "❌"
    said = [
        f"## {mark} {verdict.experiment}: {verdict.outcome.value}",
        f"**{headline(verdict)}** {summary(verdict, steps)} {expectation(verdict)}".strip(),
        "\n".join(("| check | answer |", "|---|---|", *map(_row, verdict.checks))),
        "\n".join(("| recovery | longest |", "|---|---|", *_recoveries(verdict))),
    ]
    return "\n\n".join(said) + "\n"


def _row(check: CheckResult) -> str:
    question = QUESTIONS.get(check.name, check.name)
    return f"| {question} | {check.outcome.value} |"


def _recoveries(verdict: Verdict) -> Iterator[str]:
    for name, time_s in verdict.recovery_s.items():
        yield f"| {name} | {'did not finish' if time_s is None else f'{time_s:.1f} s'} |"


def _evidence(check: CheckResult) -> str:
    pieces = [str(dict(one)) for one in check.evidence[:_MOST_EVIDENCE]]
    return "\n".join((str(check.figures), *pieces))[:_MOST_TEXT]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
