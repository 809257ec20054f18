"""A fleet that cannot do what arrives: its alarm says so, and is not believed when it is silent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.checks.result import CheckOutcome
from tests.chaos.checks.test_checks import recovering, result
from tests.chaos.history_of import Told


def watched(told: Told, *, alarm_from_s: float = 1e9, until_s: float = 1e9) -> Told:
    """A look every second, the alarm on for some of them."""
    told.limits["deficit_s"] = 2
    for second in range(10, round(told.end_s)):
        on = alarm_from_s <= second < until_s
        told.told(
            second,
            "lag-look",
            level="normal",
            lag_records=second,
            deficit=on,
            deficit_ratio=0.04 if on else 0.0,
            instances=3,
            instances_wanted=5 if on else 3,
        )
    return told


def steady(*, done_share: float = 1.0) -> Told:
    """Ten records a second for 40 s, of which a share is processed."""
    told = Told(end_s=50)
    for n in range(400):
        at_s = 10 + n * 0.1
        told.sent(n, n, at_s=at_s, took_s=0.01).holds(n, n)
        if n < 400 * done_share:
            told.read(n, n, at_s=at_s + 0.02)
    return told


CASES: dict[str, tuple[CheckOutcome, Callable[[], Told]]] = {
    "nobody asks": (CheckOutcome.NOT_JUDGED, steady),
    "it keeps up": (CheckOutcome.PASS, lambda: watched(steady())),
    "the alarm was on for a moment": (
        CheckOutcome.PASS,
        lambda: watched(steady(), alarm_from_s=40, until_s=42),
    ),
    "the alarm stayed": (CheckOutcome.FAIL, lambda: watched(steady(), alarm_from_s=40)),
    "nobody looked": (CheckOutcome.INVALID, lambda: Told(limits={"deficit_s": 2}).whole(3)),
    "the alarm was silent": (CheckOutcome.INVALID, lambda: watched(steady(done_share=0.96))),
    "it fell behind while a fault lasted": (
        CheckOutcome.PASS,
        lambda: watched(recovering(Told(end_s=70)), alarm_from_s=31, until_s=40),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_of_a_fleet_by_its_alarm(case: str, tmp_path: Path) -> None:
    """With evidence for whatever is no PASS."""
    outcome, tell = CASES[case]
    found = result(tmp_path, tell(), "deficit")
    assert found.outcome is outcome, found
    assert bool(found.evidence) == (outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED))


def test_the_deficit_is_named_with_what_it_takes(tmp_path: Path) -> None:
    """When the alarm came, at which level, how much is missing, and how many would do."""
    told = watched(steady(done_share=0.96), alarm_from_s=33)
    figures = result(tmp_path, told, "deficit").figures
    assert figures["first_alarm"] == {
        "after_s": 23.0,
        "level": "normal",
        "lag_records": 33,
        "deficit_ratio": 0.04,
        "instances": 3,
        "instances_wanted": 5,
    }
    assert figures["counted_ratio"] == pytest.approx(0.04, abs=0.001)
    assert figures["alarm_s"] == 16.0
