"""What a record costs members, so that their capacity is what an experiment says."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.problem import BadInput
from chaos.effects import embedded
from chaos.experiment.load import load
from chaos.experiment.model import Workload
from chaos.experiment.work import LANES, CatchUp, Effects, Work
from chaos.fleet_member import fleet_member, handler_of, member_spec, settings_of, topics_beside
from chaos.workload.pace import SLACK_S, Pace
from fleet.loading import load_handler, load_tx_handler
from fleet.settings import fleet_settings

SPLIT = Work(capacity_x=1.3, catch_up=CatchUp(enter_records=5000, leave_records=2000))


@given(
    st.integers(1, 90),
    st.integers(1, 100_000),
    st.floats(0.1, 100),
)
def test_so_many_handlers_at_work_do_what_was_said(
    members: int, rate_per_s: int, capacity_x: float
) -> None:
    """All members together, in times of the offered rate."""
    record_s = Work(capacity_x=capacity_x).record_s(members, rate_per_s)
    assert members * LANES / record_s == pytest.approx(capacity_x * rate_per_s)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100), st.floats(0.001, SLACK_S / 2))
def test_a_pace_makes_up_for_what_work_costs_beside(shares: list[float], work_s: float) -> None:
    """However late each piece comes back, by less than its length: the next is shorter by it."""
    now_s = 0.0
    pace = Pace(lambda: now_s)
    for share in shares:
        now_s += pace.ahead_s(work_s)
        now_s += share * work_s
    due_s = work_s * len(shares)
    assert due_s - 1e-9 <= now_s <= due_s + max(shares) * work_s + 1e-9


def test_who_was_idle_has_nothing_to_make_up_for() -> None:
    """But for the slack."""
    now_s = 0.0
    pace = Pace(lambda: now_s)
    now_s = 100.0
    assert pace.ahead_s(1.0) == pytest.approx(1.0 - SLACK_S)
    now_s += 1.0 - SLACK_S
    assert pace.ahead_s(1.0) == pytest.approx(1.0)


def test_members_with_two_parts_have_settings_that_the_fleet_takes(tmp_path: Path) -> None:
    """The thresholds are the experiment's; what is read ahead is a second of work."""
    workload = Workload(rate_per_s=900, members=("a", "b", "c"), work=SPLIT)
    spec = member_spec(tmp_path, 1, 0, workload)
    launch = fleet_member(tmp_path, spec, "t", "g", "a", workload, None)
    assert launch.arguments[3] == "chaos.workload.split_member:handle"
    said = json.loads((tmp_path / "fleet.yaml").read_text())
    settings = fleet_settings({"topics": ("t",), "group": "g", **said})
    assert (settings.catch_up.enter_records, settings.catch_up.leave_records) == (5000, 2000)
    assert (settings.lanes, settings.in_flight_records) == (LANES, 300)
    assert set(topics_beside("g", workload)) == {settings.dead_letter_topic, "g-deferred"}
    assert settings.deferred_topic in topics_beside("g", workload)


def test_members_with_one_part_are_as_fast_as_they_can() -> None:
    """Unless the experiment says more."""
    assert member_spec(Path("x"), 1, 0, Workload()).record_s == 0.0
    assert len(topics_beside("g", Workload())) == 1


@pytest.mark.parametrize("effects", Effects)
def test_each_way_to_have_effects_is_a_handler_that_the_fleet_takes(
    effects: Effects, tmp_path: Path
) -> None:
    """With a transaction in the database of the effects where they are remembered there."""
    workload = Workload(work=Work(effects=effects))
    database = embedded(tmp_path)
    (handler, *_), given = handler_of(workload), settings_of(workload, database)
    given |= {"topics": ("t",), "group": "g"}
    dedup = fleet_settings(given).dedup
    if effects is Effects.EXACTLY_ONCE:
        assert callable(load_tx_handler(handler))
        assert dedup is not None
        assert dedup.database == database
    else:
        assert callable(load_handler(handler))
        assert dedup is None


@pytest.mark.parametrize(
    ("override", "legal"),
    [
        ("workload.work.effects=exactly-once", "effects: without capacity_x and catch_up"),
        ("workload.work.effects=twice", "'exactly-once', 'at-least-once' or 'at-most-once'"),
        ("workload.work.catch_up.leave_records=4000", "below enter_records, 4000"),
        ("workload.work.capacity_x=0", "greater than or equal to 0.1"),
        ("workload.work.parts=2", "Extra inputs are not permitted"),
    ],
)
def test_work_that_makes_no_sense_is_refused(override: str, legal: str) -> None:
    """With what is legal."""
    with pytest.raises(BadInput, match=legal):
        load("fleet-catch-up", [override])
