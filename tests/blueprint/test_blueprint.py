"""From a stack's settings to everything that any target provisions."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.blueprint import blueprint_of
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack
from blueprint.topics import TopicSpec, change_problems
from blueprint.topology import MOST_BROKERS_PER_ZONE, three_zones

DEMAND = {"peak_events_per_s": 5_000, "mean_event_bytes": 1000, "latency_ms": 35}
LOCAL: dict[str, Any] = {
    "target": "local",
    "demand": DEMAND,
    "topics": [{"name": "orders"}],
    "fleets": [{"name": "billing", "image": "billing:1", "consumes": ["orders"]}],
}


def test_topics_and_fleets_follow_from_the_plan() -> None:
    """What a stack leaves out, the plan decides; what it says, stays."""
    made = blueprint_of(parse_stack(LOCAL, "stack"))
    assert made.topics[0].partitions == made.plan.partitions_per_topic.value
    assert made.topics[0].min_insync_replicas == 2
    assert made.fleets[0].instances <= made.fleets[0].most_instances == made.topics[0].partitions
    assert made.fleets[0].termination_grace_s > made.fleets[0].drain_deadline_s
    said = LOCAL | {"topics": [{"name": "orders", "partitions": 7}]}
    assert blueprint_of(parse_stack(said, "stack")).topics[0].partitions == 7


def test_every_user_has_a_quota_that_lets_it_catch_up() -> None:
    """With a zone lost, twice the peak may be read, and nothing that is not needed is open."""
    shop = {"name": "shop", "produces": ["orders"]}
    made = blueprint_of(parse_stack(LOCAL | {"clients": [shop]}, "stack"))
    quota, producer = made.quotas
    brokers_left = 2 * made.plan.brokers_per_zone.value
    assert quota.fetch_bytes_per_s * brokers_left >= 2 * made.plan.demand.planned_bytes_per_s
    # Should every record be one that cannot be handled, its dead letter is one that can be written.
    assert 2 * quota.produce_bytes_per_s == quota.fetch_bytes_per_s
    assert producer.fetch_bytes_per_s == 1


def test_every_contradiction_is_named_with_its_path() -> None:
    """All at once, with what is legal."""
    bad = LOCAL | {
        "target": "aws",
        "security": "plaintext",
        "game_day": {"image": "chaos:1"},
        "topics": [{"name": "orders"}, {"name": "orders"}],
        "clients": [{"name": "billing", "produces": ["nowhere"]}],
    }
    with pytest.raises(BadInput) as refused:
        parse_stack(bad, "Pulumi.aws.yaml")
    assert [problem.path for problem in refused.value.problems] == [
        "Pulumi.aws.yaml: aws",
        "Pulumi.aws.yaml: security",
        "Pulumi.aws.yaml: chaos",
        "Pulumi.aws.yaml: topics",
        "Pulumi.aws.yaml: fleets and clients",
        "Pulumi.aws.yaml: clients.0.produces",
    ]


@pytest.mark.parametrize("target", ["local", "aws", "kubernetes"])
@pytest.mark.parametrize("security", ["plaintext", "scram", "mtls"])
def test_a_name_of_the_platforms_is_refused_where_it_stands(target: str, security: str) -> None:
    """Before anything is declared, whatever the target and however clients prove who they are."""
    bad = LOCAL | {
        "target": target,
        "security": security,
        "fleets": [LOCAL["fleets"][0] | {"name": "quorate-node"}],
        "clients": [{"name": "shop"}, {"name": "a;User:b"}, {"name": "quorate-admin"}],
    }
    with pytest.raises(BadInput) as refused:
        parse_stack(bad, "stack")
    assert {
        "stack: fleets.0.name",
        "stack: clients.1.name",
        "stack: clients.2.name",
    } <= {problem.path for problem in refused.value.problems}
    assert "does not begin with quorate-" in str(refused.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*LOCAL, "x"]), inner),
    )
)
def test_junk_is_refused_and_never_a_crash(fields: object) -> None:
    """Whatever a stack says."""
    with suppress(BadInput):
        parse_stack(fields, "stack")


@given(st.sampled_from(sorted(LOCAL)), st.text() | st.integers() | st.lists(st.text()))
def test_a_stack_with_one_setting_replaced_is_taken_or_refused(name: str, value: object) -> None:
    """Never anything but a list of problems."""
    with suppress(BadInput):
        assert blueprint_of(parse_stack(LOCAL | {name: value}, "stack")).topics


def test_a_demand_beyond_this_machine_is_refused_on_local() -> None:
    """It stands in for three machines, not for thirty."""
    large = LOCAL | {"demand": DEMAND | {"peak_events_per_s": 50_000_000}}
    with pytest.raises(BadInput, match="one: this machine"):
        blueprint_of(parse_stack(large, "stack"))


OLD = TopicSpec("orders", 12, {"min.insync.replicas": "2"})


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (TopicSpec("orders", 11, OLD.config), "partitions"),
        (TopicSpec("orders", 12, {"min.insync.replicas": "1"}), "min_insync_replicas"),
        (TopicSpec("orders", 12, OLD.config, replication_factor=2), "replication_factor"),
    ],
)
def test_a_change_that_breaks_a_promise_is_refused(new: TopicSpec, path: str) -> None:
    """With what to do instead."""
    (problem,) = change_problems(OLD, new)
    assert problem.path == f"topics.orders.{path}"
    assert problem.remedy


def test_growth_is_no_problem() -> None:
    """Partitions and safety may grow."""
    assert change_problems(OLD, TopicSpec("orders", 24, {"min.insync.replicas": "3"})) == []


def test_no_node_changes_its_id_while_a_cluster_grows() -> None:
    """Brokers leave the controllers' hundred out."""
    nodes: dict[int, str] = {}
    for per_zone in (1, 33, 34, MOST_BROKERS_PER_ZONE):
        topology = three_zones(per_zone)
        assert len({node.id for node in topology.nodes}) == len(topology.nodes)
        for node in topology.nodes:
            assert nodes.setdefault(node.id, node.name + node.zone) == node.name + node.zone


def test_a_thousand_brokers_are_decided_within_a_second() -> None:
    """Measured as the growth over a small plan, so that a slow machine does not fail it."""

    def cost_s(events_per_s: int) -> float:
        demand = DEMAND | {"peak_events_per_s": events_per_s}
        fields = json.loads(json.dumps(LOCAL | {"target": "kubernetes", "demand": demand}))
        began_s = time.perf_counter()
        made = blueprint_of(parse_stack(fields, "stack"))
        spent_s = time.perf_counter() - began_s
        assert events_per_s < 1_000_000 or len(made.topology.brokers) > 990
        return spent_s

    small_s = min(cost_s(5_000) for _ in range(5))
    assert min(cost_s(52_000_000) for _ in range(5)) < small_s + 1.0
