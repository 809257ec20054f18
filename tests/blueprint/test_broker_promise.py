"""Which changes of a cluster's brokers lose nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.broker_promise import BrokerPromise, shrink_problems
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack
from components.brokers_kept import (
    BrokersKeptProvider,
    brokers_promised,
    promise_inputs,
    promise_of,
)

NINE = BrokerPromise(frozenset(range(1, 10)), 1000, "m7g.xlarge")


def stack(events_per_s: int, disk_gib_today: int = 0, **changed: Any) -> Blueprint:  # noqa: ANN401
    """A stack of that demand on Kubernetes, where no address is counted."""
    demand = {
        "peak_events_per_s": events_per_s,
        "mean_event_bytes": 1000,
        "latency_ms": 35,
        "compression_saved_share": 0.7,
        "disk_gib_today": disk_gib_today,
    }
    said = {"target": "kubernetes", "demand": demand, "topics": [{"name": "orders"}]}
    return blueprint_of(parse_stack(said | changed, "a test"))


def test_a_planner_that_prefers_fewer_and_larger_machines_is_refused() -> None:
    """A demand of 2 % more would have taken two brokers of three with their data."""
    was, wanted = brokers_promised(stack(500_000)), brokers_promised(stack(510_000))
    assert (len(was.brokers), len(wanted.brokers)) == (9, 3)
    (said,) = map(str, shrink_problems(was, wanted))
    assert said.startswith(
        "quorate:demand: got 3 brokers of m7g.4xlarge, without broker-4, broker-5"
    )
    assert "quorate:instance_type: m7g.xlarge" in said
    assert "quorate:drained_brokers: [4, 5, 6, 7, 8, 9]" in said


@given(st.integers(1_000, 2_000_000), st.integers(0, 2_000_000))
def test_with_its_machine_kept_a_demand_only_ever_adds(events_per_s: int, more: int) -> None:
    """Brokers in number, and no volume gets smaller."""
    was = brokers_promised(stack(events_per_s))
    try:
        grown = stack(events_per_s + more, was.disk_gib, instance_type=was.instance_type)
    except BadInput:
        return  # It takes several clusters.
    assert list(shrink_problems(was, brokers_promised(grown))) == []


def test_drained_brokers_may_go_and_no_other() -> None:
    """Only those that the stack names."""
    rest = frozenset(range(1, 7))
    assert (
        list(shrink_problems(NINE, replace(NINE, brokers=rest, drained=frozenset({7, 8, 9})))) == []
    )
    (said,) = shrink_problems(NINE, replace(NINE, brokers=rest, drained=frozenset({8, 9})))
    assert "without broker-7" in said.given


def test_a_smaller_volume_is_refused_with_what_keeps_it() -> None:
    """EBS would refuse it in the middle of an `up`."""
    (said,) = shrink_problems(NINE, replace(NINE, disk_gib=999))
    assert said.remedy == "say quorate:demand.disk_gib_today: 1000"


def test_the_check_is_asked_of_what_the_engine_has() -> None:
    """Floats from the engine; nothing is refused where nothing was promised."""
    provider = BrokersKeptProvider()
    was, less = promise_inputs(NINE), promise_inputs(replace(NINE, brokers=frozenset({1, 2, 3})))
    assert promise_of(was | {"brokers": [float(one) for one in range(1, 10)]}) == NINE
    assert len(provider.check(was, less).failures or []) == 1
    assert provider.check(less, was).failures == []
    assert provider.check({}, less).failures == []
    assert provider.diff("brokers", was, less).changes
    assert not provider.diff("brokers", was, was).changes


def test_an_unknown_machine_is_refused_where_it_is_said() -> None:
    """With every machine that is known."""
    with pytest.raises(BadInput, match=r"instance_type: .*m7g\.large"):
        stack(1_000, instance_type="m7g.huge")
