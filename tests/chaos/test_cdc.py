"""A workload that comes out of an outbox: what may be said of it, its fault, and its backlog."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from blueprint.problem import BadInput
from chaos.checks.result import CheckOutcome
from chaos.experiment.load import load
from chaos.experiment.model import Source
from chaos.faults.cdc_kill import CdcKill
from chaos.faults.fault import Members, Scene
from chaos.history.tables import Outcome
from chaos.history.write import EventLog
from chaos.leases import LeaseBook, Owner, Place
from chaos.live import Live
from chaos.refusals import refuse_unfit
from chaos.runner import _lease_run
from chaos.targets.target import Target, Untouchable
from tests.chaos.checks.test_checks import result
from tests.chaos.history_of import Told


class Outbox:
    """An outbox in name only."""

    dsn = "host=nowhere"

    def __init__(self, *, mortal: bool = True) -> None:
        """Published by one worker, that a kill ends or does not."""
        self.running, self._mortal = True, mortal

    def start(self) -> None:
        """Publish."""
        self.running = True

    def kill(self) -> None:
        """Do not."""
        self.running = not self._mortal

    def publishing(self) -> int:
        """Whether it does."""
        return int(self.running)

    def reading(self) -> int:
        """Whether it does."""
        return int(self.running)

    def down(self, logs: Path) -> None:
        """Be gone."""


def scene(outbox: Outbox) -> Scene:
    """Of a fault that asks for nothing but the outbox."""
    nothing = cast(Target, None)
    return Scene(nothing, "t", "a", cast(Members, None), "mark", outbox=outbox)


def test_a_connector_that_is_killed_is_seen_to_be_gone_and_started_again() -> None:
    """By its process and by the database's slot."""
    outbox = Outbox()
    fault = CdcKill(scene(outbox))
    fault.inject()
    assert [(e.expected, e.measured) for e in fault.effects()] == [(1, 1), (1, 1)]
    fault.heal()
    assert outbox.running


@pytest.mark.parametrize("before", [True, False])
def test_a_kill_that_changes_nothing_did_not_bite(
    before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where the connector lived on, nor where there was none."""
    monkeypatch.setattr("chaos.faults.cdc_kill.SEEN_TIMEOUT_S", 0.0)
    outbox = Outbox(mortal=False)
    outbox.running = before
    fault = CdcKill(scene(outbox))
    fault.inject()
    outbox.running = before
    assert [(e.expected, e.measured) for e in fault.effects()] == [(1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("override", "legal"),
    [
        ("workload.source=producers", "workload.source: outbox, for the fault cdc-kill"),
        ("workload.source=table", "'producers' or 'outbox'"),
        ("workload.work.effects=at-least-once", "exactly-once where source is outbox"),
        ("workload.producer_overrides={linger.ms: 5}", "not where source is outbox"),
        ("workload.idempotence=false", "not where source is outbox"),
    ],
)
def test_an_outbox_that_makes_no_sense_is_refused(override: str, legal: str) -> None:
    """With what is legal."""
    with pytest.raises(BadInput, match=legal):
        load("cdc-kill", [override])


def test_a_cluster_that_has_no_outbox_refuses_the_run() -> None:
    """Before anything is started, and its steps likewise."""

    class Somewhere(Untouchable):
        """A cluster that can be loaded and no more."""

        outputs = SimpleNamespace(nodes=(), profile="balanced")
        place = Place(target="aws", name="production")

    experiment = load("cdc-kill", ["lab={}"])
    with pytest.raises(BadInput) as refused:
        refuse_unfit(experiment, cast(Target, Somewhere()))
    said = str(refused.value)
    assert "workload.source" in said
    assert "steps.0.fault" in said


def test_the_lease_of_an_outbox_can_be_read_back(tmp_path: Path) -> None:
    """What takes it down is on disk before it is there."""
    book = LeaseBook(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chaos.runner.lease_book", lambda: book)
        place = Place(target="lab", name="x")
        run_dir = tmp_path / "cdc-kill-20261127-173929-e695"
        _lease_run(run_dir, place, load("cdc-kill"), own_lab=True)
    [(_, lease)] = book.all()
    assert lease.owner == Owner.me()
    said = json.loads(lease.model_dump_json())["undo"]
    assert [way["action"] for way in said] == ["end-workers", "outbox-down", "lab-down"]
    assert said[1]["names"] == ["outbox-20261127-173929-e695"]


def test_a_backlog_without_places_is_counted(tmp_path: Path) -> None:
    """What was committed and is not read yet, in the mean of all partitions."""
    log = EventLog(tmp_path, "run", "cdc", 1)
    live = Live(log, 4)
    live.hear({"e": "acks", "count": 100, "highest": {}})
    assert (live.lag_records(), live.drained()) == (25, False)
    live.hear({"e": "reads", "member": 0, "count": 98, "positions": {"0": 200}})
    assert (live.lag_records(), live.drained()) == (0, False)
    live.hear({"e": "reads", "member": 0, "count": 2, "positions": {"0": 203}})
    assert (live.lag_records(), live.drained()) == (0, True)
    log.close()


def rolled_back(*, published: bool = False, effect: bool = False) -> Told:
    """Two that are right, and one that was taken back."""
    plan: dict[str, object] = {"work": {"effects": "exactly-once"}, "source": "outbox"}
    told = Told(plan=plan).whole(2).effect(0, 0).effect(1, 1)
    told.sent(2, -1, outcome=Outcome.ROLLED_BACK, at_s=11)
    if published:
        told.holds(2, 2)
    if effect:
        told.effect(2, 2)
    rows = len(told.effects)
    return told.told(50, "offsets", offsets={"0": 2}).told(60, "effects", rows=rows, applied=rows)


@pytest.mark.parametrize("check", ["phantom", "effect-once", "availability", "lost", "harness"])
def test_what_was_rolled_back_and_came_to_nothing_breaks_nothing(
    check: str, tmp_path: Path
) -> None:
    """Nor was it to be acknowledged."""
    assert result(tmp_path, rolled_back(), check).outcome is CheckOutcome.PASS


def test_what_was_rolled_back_and_published_is_found(tmp_path: Path) -> None:
    """By phantom, and by effect-once where it had its effect."""
    there = result(tmp_path / "there", rolled_back(published=True), "phantom")
    assert there.outcome is CheckOutcome.FAIL
    had = result(tmp_path / "had", rolled_back(published=True, effect=True), "effect-once")
    assert had.outcome is CheckOutcome.FAIL
    assert had.figures["unsent"] == 1


@pytest.mark.parametrize(
    ("source", "unread", "outcome"),
    [
        (Source.OUTBOX, [], CheckOutcome.PASS),
        (Source.OUTBOX, [0], CheckOutcome.INCONCLUSIVE),
        (Source.PRODUCERS, [], CheckOutcome.INCONCLUSIVE),
    ],
)
def test_ends_of_transactions_are_no_records_that_were_not_read(
    source: Source, unread: list[int], outcome: CheckOutcome, tmp_path: Path
) -> None:
    """In a log of transactions alone, and of a read that came to its end."""
    told = Told(plan={"source": source.value}, high=9, unread=unread).whole(3)
    assert result(tmp_path, told, "harness").outcome is outcome


def test_more_than_there_is_was_read_by_nobody(tmp_path: Path) -> None:
    """Whatever the log."""
    told = Told(plan={"source": "outbox"}, high=2).whole(3)
    assert result(tmp_path, told, "harness").outcome is CheckOutcome.INCONCLUSIVE
