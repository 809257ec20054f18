"""What a stack may choose of its fleets' behaviour, and what of it contradicts itself."""

from typing import Any

import pytest

from blueprint.blueprint import blueprint_of
from blueprint.failover_profile import BALANCED, PROFILES
from blueprint.failover_target import overridden, worst_case
from blueprint.fleet_contract import fleet_file
from blueprint.fleet_options import CatchUp
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack

STACK: dict[str, Any] = {
    "target": "kubernetes",
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
}
POSTGRES = {"secret": "billing-db", "namespace": "databases"}


def fleet(**changed: object) -> dict[str, Any]:
    """A stack's fleets: one."""
    return {"fleets": [{"name": "billing", "image": "b:1", "consumes": ["orders"], **changed}]}


def problems_of(**changed: object) -> dict[str, str]:
    """What is refused of a sound stack that is changed so, by path."""
    try:
        parse_stack(STACK | changed, "s")
    except BadInput as refused:
        return {one.path.removeprefix("s: "): str(one) for one in refused.problems}
    return {}


def test_a_fleet_that_catches_up_has_a_topic_for_what_it_puts_off() -> None:
    """One log, kept for ever, which it may read and write; a fleet that does not has none."""
    made = blueprint_of(parse_stack(STACK | fleet(catch_up={}), "s"))
    (deferred,) = [topic for topic in made.topics if topic.name == "billing-deferred"]
    assert (deferred.partitions, deferred.config["retention.ms"]) == (1, "-1")
    assert "billing-deferred" in made.fleets[0].topics
    (user,) = made.config.users
    assert "billing-deferred" in {access.name for access in user.accesses}
    for without in ({}, {"catch_up": {"when": "never"}}):
        made = blueprint_of(parse_stack(STACK | fleet(**without), "s"))
        assert [topic.name for topic in made.topics] == ["orders", "billing-dead-letter"]
        assert made.fleets[0].catch_up.when is CatchUp.NEVER


def test_a_fleet_is_told_of_its_options() -> None:
    """In the file that its pods mount: but for where the database is."""
    traces = {"endpoint": "https://collector.example/v1/traces", "cidrs": ["10.1.0.0/16"]}
    dedup = {"by": "ids", "margin_records": 7, "postgresql": POSTGRES}
    made = blueprint_of(parse_stack(STACK | {"traces": traces} | fleet(dedup=dedup), "s"))
    (spec,) = made.fleets
    file = fleet_file(spec, BALANCED, "kafka:9093", {}, {})
    assert file.traces is not None
    assert (file.traces.ratio, file.traces.begin_here) == (0.001, True)
    assert file.dedup is not None
    assert (file.dedup.by, file.dedup.margin_records) == ("ids", 7)
    assert "billing-db" not in file.to_json()
    assert [one.port for one in spec.reached] == [5432, 443]


@pytest.mark.parametrize(
    ("changed", "path", "legal"),
    [
        ({"catch_up": {"enter_records": 5}}, "fleets.0.catch_up.leave_records", "at most enter"),
        ({"catch_up": {"when": "often"}}, "fleets.0.catch_up.when", "'auto', 'now' or 'never'"),
        ({"catch_up": {}, "dedup": {"postgresql": POSTGRES}}, "fleets.0.catch_up", "one of"),
        ({"dedup": {}}, "fleets.0.dedup", "one of sqlite and postgresql"),
        ({"dedup": {"sqlite": {}, "postgresql": POSTGRES}}, "fleets.0.dedup", "one of sqlite"),
        ({"dedup": {"postgresql": {"secret": "s"}}}, "fleets.0.dedup.postgresql", "cidrs"),
        ({"dedup": {"sqlite": {}}}, "fleets.0.instances", "1 with dedup.sqlite"),
        ({"dedup": {"sqlite": {}}, "instances": 2}, "fleets.0.instances", "1 with dedup.sqlite"),
        ({"dedup": {"margin_records": -1, "sqlite": {}}}, "fleets.0.dedup.margin_records", "0"),
        ({"dedup": {"database": "host=db password=x"}}, "fleets.0.dedup.database", "not permitted"),
    ],
)
def test_what_contradicts_itself_is_refused_where_it_stands(
    changed: dict[str, Any], path: str, legal: str
) -> None:
    """With what is legal."""
    found = problems_of(**fleet(**changed))
    assert legal in found[path]


def test_every_problem_of_every_fleet_is_said_at_once() -> None:
    """And the topic that the stack makes itself."""
    bad = fleet(catch_up={"enter_records": 5})
    bad["fleets"].append(
        {"name": "mail", "image": "m:1", "consumes": ["orders"], "dedup": {"sqlite": {}}}
    )
    topics = [{"name": "orders"}, {"name": "billing-deferred"}]
    found = problems_of(
        **bad, topics=topics, traces={"endpoint": "http://a:1"}, failover_target_s=2
    )
    assert set(found) == {
        "traces",
        "fleets.0.catch_up.leave_records",
        "fleets.1.instances",
        "topics.1.name",
        "failover_target_s",
    }


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"ratio": 0.1}, "traces.ratio"),
        ({"ratio": 0.0005}, "traces.ratio"),
        ({"endpoint": "collector:4318"}, "traces.endpoint"),
        ({"endpoint": "http://collector:99999"}, "traces"),
    ],
)
def test_traces_are_of_a_thousandth_to_a_hundredth(changed: dict[str, Any], path: str) -> None:
    """Rule 13; and they go somewhere."""
    traces = {"endpoint": "http://collector:4318", "namespace": "tracing"} | changed
    assert set(problems_of(traces=traces)) == {path}


def test_one_instance_remembers_in_a_file_and_is_never_two() -> None:
    """Whatever the number of partitions."""
    made = blueprint_of(parse_stack(STACK | fleet(instances=1, dedup={"sqlite": {}}), "s"))
    (spec,) = made.fleets
    assert (spec.instances, spec.most_instances, spec.single) == (1, 1, True)


@pytest.mark.parametrize(
    ("target", "profile", "worst_s"),
    [
        ("local", "balanced", 4.69),
        ("kubernetes", "balanced", 9.45),
        ("local", "relaxed", 8.59),
        ("kubernetes", "relaxed", 13.05),
    ],
)
def test_the_worst_case_is_what_the_page_says(target: str, profile: str, worst_s: float) -> None:
    """docs/kubernetes.md has the table."""
    assert worst_case(PROFILES[profile], target).produce_s == worst_s


def test_a_target_that_is_not_predicted_to_be_met_is_refused_with_what_would_meet_it() -> None:
    """By default relaxed time-outs under Strimzi are: they are predicted to take longer."""
    assert not problems_of(failover_profile="relaxed", failover_target_s=14)
    said = problems_of(failover_profile="relaxed")["failover_target_s"]
    assert "got 10; legal: 13.05 or more with failover_profile relaxed on kubernetes" in said
    assert "13.05 s (blackhole, the active controller inside the zone) is predicted" in said
    assert "choose failover_profile balanced or tight" in said
    none = problems_of(failover_target_s=1)["failover_target_s"]
    assert "choose" not in none


def test_what_overrides_a_time_out_is_in_the_prediction() -> None:
    """A longer session is felt, however good the profile is."""
    assert "failover_target_s" in problems_of(
        broker_overrides={"broker.session.timeout.ms": "9000"}
    )
    slow = overridden(BALANCED, {"controller.quorum.request.timeout.ms": "2000"})
    assert slow.broker_quorum_request_timeout_ms == 2000
    assert overridden(BALANCED, {"client.socket.timeout.ms": "1", "name": "x"}) == BALANCED
