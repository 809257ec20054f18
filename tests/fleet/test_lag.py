"""Lag's levels, trends and alarms: exact where they begin, deaf to noise, and never late."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.plan import HEADROOM
from fleet.lag import GroupLag, GroupLook, LagWatch, PartitionLook
from fleet.lag_deficit import drain_s, instances_for
from fleet.lag_levels import BEGINS, LEAVE_PART, Level, level_after, level_of
from fleet.lag_trend import MOST_SAMPLES, Sample, Window, trend_of
from fleet.record import Partition

LAGS = st.integers(0, 3_000_000)
#: Noise has no shortest example; the same draws each time, so that chance fails no build.
noisy = settings(max_examples=20, derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("lag", "level"),
    [
        (9_999, Level.NORMAL),
        (10_000, Level.WARNING),
        (99_999, Level.WARNING),
        (100_000, Level.CRITICAL),
        (1_000_000, Level.CRITICAL),
        (1_000_001, Level.EMERGENCY),
    ],
)
def test_levels_begin_exactly_where_the_practices_say(lag: int, level: Level) -> None:
    """At 10 thousand, at 100 thousand, above a million."""
    assert level_of(lag) is level
    assert level_after(Level.NORMAL, lag) is level


@given(st.lists(LAGS))
def test_a_level_is_never_too_low_and_too_high_only_by_its_hysteresis(lags: list[int]) -> None:
    """Up at once; down once the lag is below 80 % of where the level begins."""
    level = Level.NORMAL
    for lag in lags:
        level = level_after(level, lag)
        assert level >= level_of(lag)
        assert lag >= LEAVE_PART * BEGINS[level] or level is Level.NORMAL


@given(st.sampled_from(list(Level)[1:]), st.lists(st.floats(-0.15, 0.15), min_size=2))
def test_a_lag_that_wavers_about_a_threshold_changes_the_level_once(
    level: Level, wavers: list[float]
) -> None:
    """However often it crosses it, by less than the hysteresis."""
    begins = BEGINS[level]
    found = level_after(Level.NORMAL, begins)
    for waver in wavers:
        found = level_after(found, int(begins * (1 + waver)))
        assert found is level


@given(
    st.floats(-1e4, 1e4),
    st.integers(8, 40),
    st.data(),
)
def test_a_slope_is_not_bent_by_a_fifth_of_wrong_samples(
    per_s: float, count: int, data: st.DataObject
) -> None:
    """Whatever they say."""
    wrong = data.draw(st.sets(st.integers(0, count - 1), max_size=count // 5))
    samples = [
        Sample(float(n), data.draw(st.floats(-1e9, 1e9)) if n in wrong else per_s * n)
        for n in range(count)
    ]
    assert trend_of(samples).per_s == pytest.approx(per_s, abs=1e-6, rel=1e-6)


@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=300))
def test_a_window_is_bounded_in_time_and_number(gaps: list[float]) -> None:
    """And always holds something."""
    window, at_s = Window(60.0), 0.0
    for gap in gaps:
        at_s += gap
        window.add(Sample(at_s, at_s))
        assert window.trend().span_s <= 60.0
        assert 1 <= len(window._samples) <= MOST_SAMPLES + 1


def look(at_s: float, done: float, end: float, instances: int | None = 4) -> GroupLook:
    """A group of one topic with 12 partitions, all of it in the first two."""
    places = [Partition("t", n) for n in range(12)]
    idle = [PartitionLook(place, 0, 0, 0) for place in places[2:]]
    half, rest = int(end) // 2, int(end) - int(end) // 2
    done_half = min(half, int(done) // 2)
    busy = [
        PartitionLook(places[0], done_half, 0, half, int((at_s - 1) * 1000)),
        PartitionLook(places[1], min(rest, int(done) - done_half), 0, rest),
    ]
    return GroupLook("g", at_s, (*busy, *idle), instances)


def watched(
    rate: float, kept: float, noise_s: float, seed: int, span_s: int, backlog: float = 0
) -> list[GroupLag]:
    """Looks once a second at a group that keeps up with a part of what arrives."""
    watch, draw, found = LagWatch(), random.Random(seed), []
    for second in range(span_s):
        end = rate * second + backlog
        done = min(end, rate * kept * second) - draw.random() * rate * noise_s
        found.append(watch.look(look(1000.0 + second, max(0.0, done), end)))
    return found


@noisy
@given(st.floats(50, 10_000), st.floats(0.04, 0.5), st.integers(0, 10**6))
def test_a_deficit_of_four_per_cent_alarms_within_half_a_minute(
    rate: float, deficit: float, seed: int
) -> None:
    """With commits that are up to half a second behind, before the lag says anything."""
    found = watched(rate, 1 - deficit, 0.5, seed, 60)
    alarms = [n for n, lag in enumerate(found) if lag.deficit]
    assert alarms
    assert alarms[0] <= 40
    if rate * deficit * 40 + rate / 2 < 10_000:
        assert found[alarms[0]].level is Level.NORMAL


@noisy
@given(st.floats(10, 100_000), st.integers(0, 10**6))
def test_a_group_that_keeps_up_never_alarms(rate: float, seed: int) -> None:
    """However much its commits waver."""
    found = watched(rate, 1.0, 1.0, seed, 120)
    assert not any(lag.deficit for lag in found)
    assert found[-1].deficit_ratio < 0.04


def test_a_deficit_names_the_instances_that_end_it() -> None:
    """Four instances that do 960/s of 1,000/s: six carry it with 30 % to spare."""
    found = watched(1000, 0.96, 0.1, 1, 60)
    last = found[-1]
    assert last.level is Level.NORMAL
    assert last.deficit
    assert last.deficit_ratio == pytest.approx(0.04, abs=0.01)
    assert last.per_instance_per_s == pytest.approx(240, rel=0.05)
    assert last.instances_wanted == 6
    assert last.drain_s is None
    assert last.expected_drain_s == pytest.approx(last.lag_records / (6 * 240 - 1000), rel=0.3)
    assert last.lag_s == pytest.approx(1.0)


def test_the_alarm_ends_once_the_deficit_is_gone() -> None:
    """And not at the first look at which it is."""
    watch, at_s, done, end = LagWatch(), 0.0, 0.0, 0.0
    said = []
    for second in range(240):
        at_s, end = at_s + 1, end + 1000
        done = min(end, done + (900 if second < 60 else 1200))
        said.append(watch.look(look(at_s, done, end)).deficit)
    assert any(said[:60])
    assert not any(said[180:])
    assert sum(a != b for a, b in pairwise(said)) == 2


def test_more_instances_than_partitions_are_not_wanted_and_it_is_said() -> None:
    """What is needed then is partitions."""
    watch = LagWatch()
    for second in range(60):
        found = watch.look(look(float(second), second * 100, second * 1000, 4))
    assert found.instances_wanted == 12
    assert found.needs_partitions


def test_what_is_not_known_is_not_said() -> None:
    """One look knows no rates; a partition without a leader is in no sum; deleted is not lag."""
    one = LagWatch().look(look(1000.0, 10, 60, None))
    assert (one.lag_records, one.instances, one.slope_per_s, one.drain_s) == (50, None, None, None)
    gone = replace(look(1000.0, 0, 0), unknown=(Partition("t", 3),))
    assert LagWatch().look(gone).unknown == ("t/3",)
    deleted = PartitionLook(Partition("t", 0), 5, 100, 130)
    assert deleted.lag_records == 30
    assert PartitionLook(Partition("t", 0), None, 100, 130).lag_records == 30


def test_a_partition_that_is_added_is_no_rise() -> None:
    """Sums over other partitions than before begin a new window."""
    watch = LagWatch()
    for second in range(30):
        watch.look(look(float(second), 1000 * second, 1000 * second))
    more = look(30.0, 30_000, 30_000)
    extra = PartitionLook(Partition("u", 0), 0, 0, 5_000_000)
    found = watch.look(replace(more, partitions=(*more.partitions, extra)))
    assert found.level is Level.EMERGENCY
    assert found.slope_per_s is None


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_backlog_is_drained_by_what_is_spare(backlog: int, capacity: int, rate: int) -> None:
    """And never, where nothing is."""
    found = drain_s(backlog, capacity, rate)
    if found is None:
        assert capacity <= rate
    elif backlog:
        assert found * (capacity - rate) == pytest.approx(backlog)


@given(st.floats(0, 1e7), st.floats(1e-3, 1e6))
def test_instances_carry_the_rate_with_headroom_and_one_less_does_not(
    rate: float, each: float
) -> None:
    """The smallest number that does."""
    count = instances_for(rate, each)
    assert count * each >= rate * HEADROOM * (1 - 1e-9)
    assert count == 1 or (count - 1) * each < rate * HEADROOM


def test_an_instance_that_does_nothing_is_no_measure() -> None:
    """No number of those is enough."""
    with pytest.raises(ValueError, match="does nothing"):
        instances_for(1.0, 0.0)
