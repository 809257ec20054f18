"""What was put off while catching up: done later and in the book, or the run says what is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.checks.result import CheckOutcome
from chaos.history.tables import REPLAY, Part
from tests.chaos.checks.test_checks import recovering, result
from tests.chaos.history_of import Told

WORK: dict[str, object] = {"work": {"catch_up": {"enter_records": 2, "leave_records": 1}}}
DONE = {"gone": 0, "left": 0, "dead_letters": 0, "unburied": 0}
#: Of five records in a row of other keys: 1 and 2 were deferred, 3 was passed over.
DEFERRED, PASSED = (1, 2), 3


def signal(told: Told, at_s: float, name: str, member: int = 0) -> Told:
    """Something that a member said."""
    return told.told(at_s, "fleet-signal", member=member, signal=name)


def put_off(told: Told, *, replayed: bool = True) -> Told:
    """Five records; three were put off, and replayed once everything was committed."""
    for n in range(5):
        told.sent(n, n, at_s=10 + n).holds(n, n)
        if n == PASSED:
            told.part(n, n, Part.PASSED, at_s=10.1 + n)
            if replayed:
                told.read(n, n, at_s=60, member=REPLAY)
                told.part(n, n, Part.REST, at_s=60, member=REPLAY)
            continue
        told.read(n, n, at_s=10.1 + n)
        late = n in DEFERRED
        if replayed or not late:
            member, at_s = (REPLAY, 60.0) if late else (0, 10.1 + n)
            told.part(n, n, Part.REST, at_s=at_s, member=member)
    return told.told(15, "offsets", offsets={"0": 5})


def caught_up(*, replayed: bool = True, owed: int = 2, left: int = 0, end: bool = True) -> Told:
    """A run that entered, left, and said what was owed."""
    told = put_off(Told(plan=WORK, end_s=50), replayed=replayed)
    signal(signal(told, 10.5, "catching-up"), 20, "caught-up")
    told.told(51, "owed", deferred=owed, skipped=1)
    return told.told(61, "replayed", replayed=3, **DONE | {"left": left}) if end else told


def still() -> Told:
    """A member that entered once more, and stayed."""
    return signal(caught_up(), 30, "catching-up", member=1)


def flickering() -> Told:
    """A member that entered and left twice for one backlog."""
    return signal(signal(caught_up(), 30, "catching-up"), 40, "caught-up")


def untried() -> Told:
    """A backlog that never came to the level at which anything is left out."""
    told = Told(plan=WORK)
    return told.told(51, "owed", deferred=0, skipped=0).told(61, "replayed", replayed=0, **DONE)


CASES: dict[str, tuple[CheckOutcome, Callable[[], Told]]] = {
    "everything was done in the end": (CheckOutcome.PASS, caught_up),
    "nothing can wait, so nothing is asked": (
        CheckOutcome.NOT_JUDGED,
        lambda: Told().whole(3),
    ),
    "nobody caught up": (CheckOutcome.INVALID, untried),
    "a member is still at it": (CheckOutcome.FAIL, still),
    "a member left and entered again": (CheckOutcome.FAIL, flickering),
    "the replay said that it was done and was not": (
        CheckOutcome.FAIL,
        lambda: caught_up(replayed=False),
    ),
    "the replay left something": (CheckOutcome.FAIL, lambda: caught_up(left=1)),
    "the ledger knows of one more": (CheckOutcome.FAIL, lambda: caught_up(owed=3)),
    "the replay did not end": (CheckOutcome.INCONCLUSIVE, lambda: caught_up(end=False)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_of_what_was_put_off(case: str, tmp_path: Path) -> None:
    """With evidence for whatever is no PASS."""
    outcome, tell = CASES[case]
    found = result(tmp_path, tell(), "caught-up")
    assert found.outcome is outcome, found
    assert bool(found.evidence) == (outcome not in (CheckOutcome.PASS, CheckOutcome.NOT_JUDGED))


def test_it_counts_what_was_put_off(tmp_path: Path) -> None:
    """Deferred and passed over apart, and for how long each member caught up."""
    figures = result(tmp_path, caught_up(), "caught-up").figures
    assert figures == {
        "deferred": 2,
        "passed_over": 1,
        "never_done": 0,
        "catching_up_s": [9.5],
    }


def test_what_was_never_done_is_named_with_its_offsets(tmp_path: Path) -> None:
    """By partition, from the first to the last."""
    found = result(tmp_path, caught_up(replayed=False), "caught-up")
    assert found.evidence[-1]["offsets"] == {"never_done": "1-3"}


@pytest.mark.parametrize(
    ("replayed", "end", "outcome"),
    [
        (True, True, CheckOutcome.PASS),
        (False, True, CheckOutcome.FAIL),
        (False, False, CheckOutcome.PASS),
    ],
)
def test_what_is_passed_over_is_skipped_once_a_replay_has_left_it_out(
    replayed: bool, end: bool, outcome: CheckOutcome, tmp_path: Path
) -> None:
    """Until a replay has ended it is owed."""
    told = caught_up(replayed=replayed, end=end)
    assert result(tmp_path, told, "skipped").outcome is outcome


def test_a_replay_is_no_disorder_of_its_keys_and_has_none_itself(tmp_path: Path) -> None:
    """What was passed over comes after later records of its key, but in order."""
    told = Told().whole(3)
    for n, offset in ((64, 3), (128, 4), (192, 5)):
        told.sent(n, offset, at_s=20).holds(n, offset)
    later = told.read(192, 5, at_s=21).read(64, 3, at_s=60, member=REPLAY)
    good = later.read(128, 4, at_s=61, member=REPLAY)
    assert result(tmp_path / "good", good, "key-order").outcome is CheckOutcome.PASS
    bad = good.read(64, 3, at_s=59, member=REPLAY).read(128, 4, at_s=58, member=REPLAY)
    assert result(tmp_path / "bad", bad, "key-order").outcome is CheckOutcome.FAIL


def test_what_is_passed_over_waits_for_nobody(tmp_path: Path) -> None:
    """Its lag ends when the member passes it over, not when the replay comes."""
    told = recovering(Told())
    told.consumed = [row for row in told.consumed if row[2] != 590]
    assert result(tmp_path / "waits", told, "lag-recovery").figures["at_the_end_s"] != 0
    told.part(590, 590, Part.PASSED, at_s=69.1)
    assert result(tmp_path / "passed", told, "lag-recovery").figures["at_the_end_s"] == 0
