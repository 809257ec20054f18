"""Each check against literal histories: one that passes, and the smallest of each that fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.checks.result import CheckOutcome, CheckResult
from chaos.history.tables import Outcome
from chaos.verdict import Expected, judge
from tests.chaos.history_of import Told

Tell = Callable[[], Told]


def result(tmp_path: Path, told: Told, name: str) -> CheckResult:
    """What one check says of a history."""
    verdict = judge(told.write(tmp_path), Expected())
    return next(check for check in verdict.checks if check.name == name)


def isr(told: Told, at_s: float, *replicas: int, leader: int = 1, epoch: int = 0) -> Told:
    """An observed ISR of partition 0."""
    return told.told(at_s, "isr", partition=0, leader=leader, epoch=epoch, isr=list(replicas))


def recovering(
    told: Told, *, lag_until_s: float = 0.0, gap_s: float = 0.0, back_s: float = 42.0
) -> Told:
    """Load around a fault from 30 to 40 s, with a pause in writing and late reading."""
    for index in range(600):
        at_s = 10 + index * 0.1
        if 30 < at_s < 30 + gap_s:
            at_s = 30 + gap_s
        read_s = max(at_s + 0.02, lag_until_s) if at_s > 30 else at_s + 0.02
        told.sent(index, index, at_s=at_s).read(index, index, at_s=read_s).holds(index, index)
    for second in range(10, 70):
        told.told(second, "commit", member=0, offsets={"0": second})
    told.end_s = 70
    return isr(isr(isr(told.fault(30, 40), 5, 1, 2, 3), 32, 2, 3), back_s, 1, 2, 3)


def falling_behind(told: Told) -> Told:
    """Load without a fault, read at nine tenths of its rate."""
    for index in range(600):
        waited_s = index * 0.01 + 0.02
        at_s = 10 + index * 0.1
        told.sent(index, index, at_s=at_s).read(index, index, at_s=at_s + waited_s)
        told.holds(index, index)
    told.end_s = 70
    return told


PASSING: dict[str, Tell] = {
    "lost": lambda: Told().whole(3),
    "visible-then-lost": lambda: Told().whole(3),
    "duplicate": lambda: Told().whole(3),
    "phantom": lambda: Told().whole(3).sent(3, -1, outcome=Outcome.UNKNOWN).holds(3, 3),
    "order": lambda: Told().whole(3),
    "divergence": lambda: Told().whole(3),
    "commit-regression": lambda: (
        Told().whole(3).told(12, "offsets", offsets={"0": 1}).told(13, "offsets", offsets={"0": 2})
    ),
    "skipped": lambda: Told().whole(3).told(12, "offsets", offsets={"0": 3}),
    "key-order": lambda: Told().whole(3).read(64, 3, at_s=12).read(0, 0, at_s=13),
    "lag-recovery": lambda: recovering(Told(), lag_until_s=35),
    "recovery-time": lambda: recovering(Told(), gap_s=3),
    "availability": lambda: recovering(Told()),
    "fault-bit": lambda: recovering(Told()),
    "harness": lambda: Told().whole(3),
}

FAILING: dict[str, tuple[str, CheckOutcome, Tell]] = {
    "an acknowledged record is nowhere": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(3).sent(3, 3),
    ),
    "an acknowledged record is missing on one replica": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, 2).holds(2, 2, only=1).holds(2, 2, only=2),
    ),
    "an acknowledged record lies above the end of the log": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, 900),
    ),
    "an acknowledged record has no offset and is nowhere": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, -1),
    ),
    "a live read does not stand in for a record that is gone": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, 2).read(2, 2),
    ),
    "a broken record counts as gone": (
        "lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, 2).holds(2, 2, crc=0),
    ),
    "a consumer saw what is gone": (
        "visible-then-lost",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, -1, outcome=Outcome.UNKNOWN).read(2, 2),
    ),
    "one identity at two offsets": (
        "duplicate",
        CheckOutcome.FAIL,
        lambda: Told().whole(3).holds(1, 3),
    ),
    "one identity at two offsets of one replica": (
        "duplicate",
        CheckOutcome.FAIL,
        lambda: Told().whole(3).holds(1, 3, only=2),
    ),
    "a refused record is there": (
        "phantom",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, -1, outcome=Outcome.FAIL).holds(2, 2),
    ),
    "a record that nobody sent": (
        "phantom",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).holds(77, 2),
    ),
    "a record of an unknown producer": (
        "phantom",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).holds(0, 2, producer=9),
    ),
    "two records changed places": (
        "order",
        CheckOutcome.FAIL,
        lambda: Told().sent(0, 1).sent(1, 0).holds(1, 0).holds(0, 1),
    ),
    "an offset below what was acknowledged before the send": (
        "order",
        CheckOutcome.FAIL,
        lambda: Told().sent(0, 5, at_s=10).sent(1, 4, at_s=11).holds(0, 4).holds(1, 5),
    ),
    "two replicas differ at an offset": (
        "divergence",
        CheckOutcome.FAIL,
        lambda: (
            Told()
            .sent(0, 0)
            .sent(1, -1, outcome=Outcome.UNKNOWN)
            .holds(0, 0, only=1)
            .holds(0, 0, only=2)
            .holds(1, 0, only=3)
        ),
    ),
    "a replica lacks an offset": (
        "divergence",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).holds(2, 2, only=1).holds(2, 2, only=3),
    ),
    "the committed offset went back": (
        "commit-regression",
        CheckOutcome.FAIL,
        lambda: (
            Told()
            .whole(3)
            .told(12, "offsets", offsets={"0": 2})
            .told(13, "offsets", offsets={"0": 1})
        ),
    ),
    "a commit passed a record nobody processed": (
        "skipped",
        CheckOutcome.FAIL,
        lambda: Told().whole(2).sent(2, 2).holds(2, 2).told(12, "offsets", offsets={"0": 3}),
    ),
    "a later record of the key was processed first": (
        "key-order",
        CheckOutcome.FAIL,
        lambda: (
            Told()
            .sent(0, 0)
            .sent(64, 1)
            .holds(0, 0)
            .holds(64, 1)
            .read(64, 1, at_s=11)
            .read(0, 0, at_s=12)
        ),
    ),
    "a record waited longer than any may": (
        "lag-recovery",
        CheckOutcome.FAIL,
        lambda: recovering(Told(limits={"lag_peak_s": 2}), lag_until_s=35),
    ),
    "lag never becomes normal": (
        "lag-recovery",
        CheckOutcome.FAIL,
        lambda: recovering(Told(), lag_until_s=200),
    ),
    "the group falls behind all the time, and there is no fault": (
        "lag-recovery",
        CheckOutcome.FAIL,
        lambda: falling_behind(Told()),
    ),
    "writing paused for too long": (
        "recovery-time",
        CheckOutcome.FAIL,
        lambda: recovering(Told(), gap_s=6),
    ),
    "nothing was acknowledged after the fault": (
        "recovery-time",
        CheckOutcome.FAIL,
        lambda: isr(Told().whole(3).fault(30, 40), 5, 1, 2, 3),
    ),
    "the ISR never became full again": (
        "recovery-time",
        CheckOutcome.FAIL,
        lambda: recovering(Told(), back_s=99),
    ),
    "too few records were acknowledged in time": (
        "availability",
        CheckOutcome.FAIL,
        lambda: Told().whole(3).sent(3, 3, took_s=6).holds(3, 3),
    ),
    "the fault did nothing": (
        "fault-bit",
        CheckOutcome.INVALID,
        lambda: Told().whole(3).fault(30, 40, bit=False),
    ),
    "the fault's effect was never measured": (
        "fault-bit",
        CheckOutcome.INVALID,
        lambda: Told().whole(3).told(30, "fault-inject", id="x", fault="az-kill", zone="a"),
    ),
    "the generator fell behind on its own account": (
        "harness",
        CheckOutcome.INVALID,
        lambda: (
            Told()
            .whole(3)
            .told(99, "producer-exit", producer=0, due=10, sent=3, blocked=0, attempts=3, rows=3)
        ),
    ),
    "a send has no outcome": (
        "harness",
        CheckOutcome.INVALID,
        lambda: (
            Told()
            .whole(3)
            .told(99, "producer-exit", producer=0, due=3, sent=3, blocked=0, attempts=3, rows=2)
        ),
    ),
    "rows of a producer did not reach the history": (
        "harness",
        CheckOutcome.INVALID,
        lambda: (
            Told()
            .whole(3)
            .told(99, "producer-exit", producer=0, due=4, sent=4, blocked=0, attempts=4, rows=4)
        ),
    ),
    "a producer did not end": (
        "harness",
        CheckOutcome.INVALID,
        lambda: Told().whole(3).told(20, "producer-start", producer=1, zone="b"),
    ),
    "the clock jumped": (
        "harness",
        CheckOutcome.INVALID,
        lambda: Told().whole(3).told(20, "clock", jump_s=-5.0),
    ),
    "the log start moved": (
        "harness",
        CheckOutcome.INVALID,
        lambda: Told().whole(3).told(99, "log-start", partition=0, offset=1),
    ),
    "nothing was acknowledged": ("harness", CheckOutcome.INVALID, lambda: Told().holds(0, 0)),
    "a replica was not read": (
        "harness",
        CheckOutcome.INCONCLUSIVE,
        lambda: Told().sent(0, 0).holds(0, 0, only=1).holds(0, 0, only=2),
    ),
    "a read ended before the pinned end": (
        "harness",
        CheckOutcome.INCONCLUSIVE,
        lambda: _short(),
    ),
    "a read did not prove which replica it was": (
        "harness",
        CheckOutcome.INCONCLUSIVE,
        lambda: Told().whole(3).told(101, "final-read", replica=3, unproven=[0]),
    ),
}


def _deleted(*read: int, committed: int) -> Told:
    """Three records; the first two were deleted by retention, which was on."""
    told = Told(retention_s=3.0, low=2).told(12, "offsets", offsets={"0": committed})
    told.told(100, "log-start", partition=0, offset=2)
    for sequence in range(3):
        told.sent(sequence, sequence)
    for sequence in read:
        told.read(sequence, sequence)
    return told.holds(2, 2)


def test_what_retention_deleted_is_not_lost(tmp_path: Path) -> None:
    """Whoever asked for it to be deleted lost nothing, and the read from there on is complete."""
    verdict = judge(_deleted(0, 1, 2, committed=3).write(tmp_path), Expected())
    said = {check.name: check.outcome for check in verdict.checks}
    for name in ("lost", "visible-then-lost", "skipped", "harness"):
        assert said[name] is CheckOutcome.PASS, name


def test_what_was_deleted_before_it_was_read_is_skipped(tmp_path: Path) -> None:
    """Once the group has committed past it; before that it is merely late."""
    found = result(tmp_path / "past", _deleted(0, 2, committed=3), "skipped")
    assert found.figures["skipped"] == 1
    assert found.outcome is CheckOutcome.FAIL
    assert found.evidence[0]["deleted"] == "by retention, before it was read"
    late = result(tmp_path / "late", _deleted(0, 2, committed=1), "skipped")
    assert late.outcome is CheckOutcome.PASS


def _short() -> Told:
    told = Told().whole(3)
    told.high, told.unread = 4, [0]
    return told


@pytest.mark.parametrize("name", PASSING)
def test_a_history_that_keeps_the_promise_passes(name: str, tmp_path: Path) -> None:
    """Each check passes the history that it is about when nothing is wrong in it."""
    found = result(tmp_path, PASSING[name](), name)
    assert found.outcome is CheckOutcome.PASS, found


@pytest.mark.parametrize("case", FAILING)
def test_the_smallest_history_that_breaks_the_promise_fails(case: str, tmp_path: Path) -> None:
    """Each check says so, and shows evidence."""
    name, outcome, tell = FAILING[case]
    found = result(tmp_path, tell(), name)
    assert found.outcome is outcome, found
    assert found.evidence


def test_a_loss_names_what_is_needed_to_look_into_it(tmp_path: Path) -> None:
    """Identity, offset, leader, epoch and the ISR changes around the acknowledgement."""
    told = isr(isr(Told().whole(3).sent(3, 3, at_s=20), 5, 1, 2, 3), 19, 1, epoch=4)
    evidence = result(tmp_path, told, "lost").evidence[0]
    assert evidence["sequence"] == 3
    assert evidence["acknowledged_offset"] == 3
    assert evidence["at_acknowledgement"] == {"leader": 1, "epoch": 4, "isr": [1]}
    assert evidence["isr_changes"]


def test_what_was_not_read_is_not_called_lost(tmp_path: Path) -> None:
    """A final read that ended early leaves the rest unread; only what it passed can be lost."""
    told = Told().whole(3).sent(3, 3)
    told.high, told.unread = 4, [0]
    assert result(tmp_path, told, "lost").outcome is CheckOutcome.PASS


def test_an_acknowledgement_without_an_offset_is_judged_only_by_a_whole_read(
    tmp_path: Path,
) -> None:
    """Librdkafka acknowledges a retry that was a duplicate with offset -1."""
    told = Told().whole(3).sent(3, -1)
    told.high, told.unread = 4, [0]
    assert result(tmp_path / "short", told, "lost").outcome is CheckOutcome.PASS
    there = Told().whole(3).sent(3, -1).holds(3, 3)
    assert result(tmp_path / "there", there, "lost").outcome is CheckOutcome.PASS


def test_without_a_final_read_nothing_is_said_of_the_records(tmp_path: Path) -> None:
    """INCONCLUSIVE, never PASS and never FAIL."""
    told = Told().sent(0, 0).read(0, 0)
    for name in ("lost", "visible-then-lost", "duplicate", "phantom", "order", "divergence"):
        assert result(tmp_path / name, told, name).outcome is CheckOutcome.INCONCLUSIVE
