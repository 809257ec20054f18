"""Others' waits beside one who takes all he can: what they were, or too long, or not known."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.checks.neighbours import LEAST_SAMPLES
from chaos.checks.result import CheckOutcome
from tests.chaos.checks.test_checks import result
from tests.chaos.history_of import Told

LIMITS = {"neighbours_factor": 2.0}
#: A fault from 30 s on, healed at 50; the calm is from 10 to 30.
INJECT_S, HEAL_S = 30.0, 50.0
COUNT = LEAST_SAMPLES + 200


def beside(
    *, ack_x: float = 1.0, read_x: float = 1.0, share: float = 1.0, count: int = COUNT
) -> Told:
    """So many sends in the calm and as many inside; of those a share waits so many times longer.

    Usually 10 ms to the acknowledgement and 20 to the end of a member's work.
    """
    told = Told(limits=LIMITS, end_s=60)
    for number in range(2 * count):
        inside, of = divmod(number, count)
        at_s = (INJECT_S + 1 if inside else 11) + of * (18 / count)
        slow = inside and of < share * count
        told.sent(number, number, at_s=at_s, took_s=0.01 * (ack_x if slow else 1))
        told.read(number, number, at_s=at_s + 0.02 * (read_x if slow else 1))
        told.holds(number, number)
    return told.fault(INJECT_S, HEAL_S).told(HEAL_S, "fault-healing", id="f")


def never_read() -> Told:
    """A tenth of what was sent inside was processed by nobody."""
    told = beside()
    gone = {row[2] for row in told.consumed[COUNT : COUNT + COUNT // 10]}
    told.consumed = [row for row in told.consumed if row[2] not in gone]
    return told


CASES: dict[str, tuple[CheckOutcome, Callable[[], Told]]] = {
    "nothing changed": (CheckOutcome.PASS, beside),
    "a little longer": (CheckOutcome.PASS, lambda: beside(ack_x=1.8, read_x=1.8)),
    "acknowledged too late": (CheckOutcome.FAIL, lambda: beside(ack_x=3)),
    "processed too late": (CheckOutcome.FAIL, lambda: beside(read_x=3)),
    "two in a hundred too late": (CheckOutcome.FAIL, lambda: beside(ack_x=3, share=0.02)),
    "one in two hundred too late": (CheckOutcome.PASS, lambda: beside(ack_x=3, share=0.005)),
    "some were processed by nobody": (CheckOutcome.FAIL, never_read),
    "too few to say": (CheckOutcome.INCONCLUSIVE, lambda: beside(count=LEAST_SAMPLES - 1)),
    "nobody disturbed anyone": (CheckOutcome.INVALID, lambda: Told(limits=LIMITS).whole(3)),
    "nobody asks": (CheckOutcome.NOT_JUDGED, lambda: Told().whole(3)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_of_the_others(case: str, tmp_path: Path) -> None:
    """With evidence for whatever is no PASS."""
    outcome, tell = CASES[case]
    found = result(tmp_path, tell(), "neighbours")
    assert found.outcome is outcome, found
    assert bool(found.evidence) == (outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED))


def test_it_says_how_long_and_how_many_times_longer(tmp_path: Path) -> None:
    """In milliseconds, within the width of a bin."""
    found = result(tmp_path, beside(ack_x=3), "neighbours")
    [piece] = found.evidence
    assert piece["wait"] == "to acknowledged"
    assert piece["calm_ms"] == pytest.approx(10, rel=0.03)
    assert piece["inside_ms"] == pytest.approx(30, rel=0.03)
    assert piece["times"] == pytest.approx(3, rel=0.03)
