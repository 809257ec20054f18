"""Effects: one of each event, or the run says of which there is none, and of which too many."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.checks.result import CheckOutcome
from chaos.history.tables import Outcome
from chaos.verdict import Expected, judge
from chaos.verdict import Outcome as Judged
from tests.chaos.checks.test_checks import result
from tests.chaos.history_of import Told

WORK: dict[str, object] = {"work": {"effects": "exactly-once"}}


def applied(*counts: int, read: bool = True, rows: int | None = None) -> Told:
    """A record for each count, all of them acknowledged, read, committed, with so many effects."""
    told = Told(plan=WORK).whole(len(counts))
    for n, count in enumerate(counts):
        if count:
            told.effect(n, n, count=count)
    told.told(50, "offsets", offsets={"0": len(counts)})
    found = len(told.effects) if rows is None else rows
    return told.told(60, "effects", rows=found, applied=sum(counts)) if read else told


def with_another(outcome: Outcome, *, effects: int, there: bool = True) -> Told:
    """Two that are right, and a third that was sent in vain or nobody knows."""
    told = applied(1, 1, rows=2 + effects).sent(2, -1, outcome=outcome)
    told.told(51, "offsets", offsets={"0": 3})
    if there:
        told.holds(2, 2)
    return told.effect(2, 2) if effects else told


CASES: dict[str, tuple[CheckOutcome, Callable[[], Told]]] = {
    "each has one": (CheckOutcome.PASS, lambda: applied(1, 1, 1)),
    "one has none": (CheckOutcome.FAIL, lambda: applied(1, 0, 1)),
    "one has two": (CheckOutcome.FAIL, lambda: applied(1, 2, 1)),
    "nothing has any": (CheckOutcome.FAIL, lambda: applied(0, 0, 0)),
    "one has two, from two places in the log": (
        CheckOutcome.FAIL,
        lambda: applied(1, 1, rows=3).holds(1, 2).effect(1, 2),
    ),
    "one was acknowledged and is not in the log": (
        CheckOutcome.FAIL,
        lambda: applied(1).sent(1, 1),
    ),
    "nobody knows of one, and it is not there": (
        CheckOutcome.PASS,
        lambda: with_another(Outcome.UNKNOWN, effects=0, there=False),
    ),
    "nobody knows of one, and it is there with its effect": (
        CheckOutcome.PASS,
        lambda: with_another(Outcome.UNKNOWN, effects=1),
    ),
    "nobody knows of one, it is there, and was passed without an effect": (
        CheckOutcome.FAIL,
        lambda: with_another(Outcome.UNKNOWN, effects=0),
    ),
    "one was refused and has an effect": (
        CheckOutcome.FAIL,
        lambda: with_another(Outcome.FAIL, effects=1, there=False),
    ),
    "an effect of nothing": (CheckOutcome.FAIL, lambda: applied(1, rows=2).effect(77, 1)),
    "an effect of another producer": (
        CheckOutcome.FAIL,
        lambda: applied(1, rows=2).effect(0, 1, producer=9),
    ),
    "nobody looked": (CheckOutcome.INCONCLUSIVE, lambda: applied(1, 1, read=False)),
    "nobody looked, and it shows": (CheckOutcome.INCONCLUSIVE, lambda: applied(0, 2, read=False)),
    "rows are missing": (CheckOutcome.INVALID, lambda: applied(1, 1, rows=3)),
    "nothing was sent": (CheckOutcome.INVALID, applied),
    "there was to be none": (CheckOutcome.NOT_JUDGED, lambda: Told().whole(3)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_of_effects(case: str, tmp_path: Path) -> None:
    """With evidence for whatever is wrong."""
    outcome, tell = CASES[case]
    found = result(tmp_path, tell(), "effect-once")
    assert found.outcome is outcome, found
    assert bool(found.evidence) == (outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED))


def test_what_is_not_judged_is_no_pass(tmp_path: Path) -> None:
    """Neither by itself, nor for a run that was to be judged by it; it fails nothing else."""
    told = Told().whole(3)
    expected = Expected("PASS", "effect-once")
    verdict = judge(told.write(tmp_path), expected)
    assert verdict.outcome is Judged.PASS
    assert not verdict.as_expected
    assert verdict.exit_code != 0


def test_it_says_from_where_each_effect_came(tmp_path: Path) -> None:
    """Twice from one place is the fleet's doing; from two, somebody published twice."""
    again = result(tmp_path / "again", applied(1, 2), "effect-once").evidence[0]
    assert (again["sequence"], again["offsets"], again["effects"]) == (1, [1], 2)
    twice = applied(1, 1, rows=3).holds(1, 2).effect(1, 2)
    published = result(tmp_path / "twice", twice, "effect-once").evidence[0]
    assert (published["offsets"], published["effects"]) == ([1, 2], 2)
    none = result(tmp_path / "none", applied(1, 0), "effect-once").evidence[0]
    assert (none["offsets"], none["effects"], none["committed"]) == ([1], 0, 2)


def test_it_counts_events_and_what_is_wrong(tmp_path: Path) -> None:
    """Apart."""
    figures = result(tmp_path, applied(1, 0, 0, 2, 1), "effect-once").figures
    assert figures == {"events": 5, "missing": 2, "repeated": 1, "unsent": 0}
