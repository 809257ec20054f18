"""A plan carries what it was made for, with headroom, within every limit."""

import json
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from blueprint.broker_plan import load_of
from blueprint.demand import Demand, Rates
from blueprint.lane_plan import MOST_PARTITIONS_PER_TOPIC
from blueprint.machine_types import GP3
from blueprint.plan import HEADROOM, ZONES, Plan
from blueprint.planner import plan, utilisation
from blueprint.problem import BadInput, validated
from blueprint.topology import MOST_BROKERS_PER_ZONE

ROOT = Path(__file__).parents[2]
DEMANDS = st.builds(
    Demand,
    peak_events_per_s=st.integers(1, 10_000_000),
    mean_event_bytes=st.integers(1, 4_000),
    latency_ms=st.floats(15, 1000),
    retention_h=st.floats(0.1, 200),
    growth_share=st.floats(0, 0.5),
    mean_load_share=st.floats(0.1, 1),
    compression_saved_share=st.floats(0, 0.9),
    consumer_ms_per_event=st.floats(0.01, 5),
    consumer_groups=st.integers(1, 5),
    partitions_today=st.integers(0, 5_000),
    rack_aware_fetch=st.booleans(),
)
GROWING = (
    "partitions",
    "partitions_per_topic",
    "topics",
    "network_in_bytes_per_s_per_zone",
    "network_out_bytes_per_s_per_zone",
    "cross_zone_bytes_per_s",
    "consumer_instances_per_group",
    "cross_zone_usd_per_month",
)


def cheapest(demand: Demand) -> Plan | None:
    """The plan, or none where the demand needs several clusters."""
    try:
        return plan(demand)
    except BadInput:
        return None


@given(DEMANDS)
def test_headroom_is_there_and_no_limit_is_crossed(demand: Demand) -> None:
    """Of every resource, with a zone lost."""
    made = cheapest(demand)
    if made is None:
        return
    shares = utilisation(made, load_of(demand, made.partitions.value))
    assert {name: share for name, share in shares.items() if share > 1 / HEADROOM + 1e-6} == {}
    assert made.brokers_per_zone.value <= MOST_BROKERS_PER_ZONE
    assert made.disk_gib_per_broker.value <= GP3.most_gib
    assert GP3.free_iops <= made.disk_iops_per_broker.value <= GP3.most_iops
    assert made.disk_bytes_per_s_per_broker.value <= GP3.most_bytes_per_s
    assert made.partitions_per_topic.value <= MOST_PARTITIONS_PER_TOPIC
    assert made.partitions_per_topic.value % ZONES == 0
    # All topics are full but the last, and in that one there is something.
    rest = made.partitions.value - (made.topics.value - 1) * made.partitions_per_topic.value
    assert 0 < rest <= made.partitions_per_topic.value
    assert made.partitions.value >= max(
        demand.partitions_today, made.consumer_instances_per_group.value
    )


@given(DEMANDS)
def test_what_is_bought_carries_the_demand_and_thirty_percent(demand: Demand) -> None:
    """Reckoned from the demand alone, as the practices say it, and not as the planner does."""
    made = cheapest(demand)
    if made is None:
        return
    events_per_s = demand.peak_events_per_s * (1 + demand.growth_share)
    least = 1.3 * events_per_s * (1 - 1e-6)
    assert made.partitions.value * 10_000 >= least
    an_instance = min(80_000.0, made.consumer_threads.value * 1000 / demand.consumer_ms_per_event)
    assert made.consumer_instances_per_group.value * an_instance >= least
    bytes_per_s = least * demand.mean_event_bytes * (1 - demand.compression_saved_share)
    brokers, machine = made.brokers_per_zone.value, made.machine
    # Each zone writes everything; with one gone, each leads half, for the other one and all groups.
    assert brokers * machine.network_bytes_per_s >= bytes_per_s
    assert brokers * machine.network_bytes_per_s >= bytes_per_s * (1 + demand.consumer_groups) / 2
    assert brokers * made.disk_bytes_per_s_per_broker.value >= 2 * bytes_per_s
    kept = bytes_per_s * demand.mean_load_share * demand.retention_h * 3600
    assert brokers * made.disk_gib_per_broker.value * 2**30 >= kept
    assert brokers * machine.partition_limit >= 1.3 * made.partitions.value * (1 - 1e-6)


@given(DEMANDS, st.integers(1, 1_000_000))
def test_more_load_never_needs_less(demand: Demand, more: int) -> None:
    """With the machine chosen freely it is the counts that may change their kind, not these."""
    larger = demand.model_copy(update={"peak_events_per_s": demand.peak_events_per_s + more})
    before, after = cheapest(demand), cheapest(larger)
    if before is None:
        assert after is None
    elif after is not None:
        for name in GROWING:
            assert getattr(before, name).value <= getattr(after, name).value, name
        same = plan_on(before.machine.name, larger)
        assert same is None or before.brokers_per_zone.value <= same.brokers_per_zone.value


def test_a_topic_keeps_its_partitions_when_one_more_is_needed() -> None:
    """Where one topic is full and the demand grows beyond it."""
    before, after = (
        plan(Demand(peak_events_per_s=events, mean_event_bytes=1000, latency_ms=35))
        for events in (1_500_000, 1_530_000)
    )
    assert (before.topics.value, before.partitions_per_topic.value) == (1, 195)
    assert (after.topics.value, after.partitions_per_topic.value) == (2, MOST_PARTITIONS_PER_TOPIC)


def plan_on(machine: str, demand: Demand) -> Plan | None:
    """The plan on a given machine."""
    try:
        return plan(demand, instance_type=machine)
    except BadInput:
        return None


@pytest.mark.parametrize(
    ("events", "partitions"), [(500_000, 66), (1_000_000, 132), (10_000_000, 1302)]
)
def test_the_articles_load_is_planned_as_the_rules_say(events: int, partitions: int) -> None:
    """30 % above 10,000 events/s a partition, in topics of at most 200."""
    made = plan(Demand(peak_events_per_s=events, mean_event_bytes=1000, latency_ms=35))
    assert made.partitions.value == partitions
    assert all(figure.because for _, figure in made.figures())


@pytest.mark.parametrize("events", [500_000, 1_000_000, 10_000_000])
def test_the_plans_in_the_docs_are_the_ones_that_are_made(events: int) -> None:
    """Reasons included."""
    demand = Demand(
        peak_events_per_s=events,
        mean_event_bytes=1000,
        latency_ms=35,
        consumer_groups=3,
        compression_saved_share=0.7,
        mean_load_share=0.5,
    )
    assert plan(demand).as_markdown() in (ROOT / "docs" / "capacity.md").read_text()


#: What is bought of each where the demand asks for nothing worth naming.
FLOORS = {
    "batch_bytes": "the floor",
    "disk_gib_per_broker": "the floor",
    "disk_iops_per_broker": "the floor",
    "disk_bytes_per_s_per_broker": "the floor",
    "network_threads": "Kafka's default",
    "replica_fetchers": "Kafka's default",
    "socket_buffer_bytes": "the floor",
    "socket_buffer_limit_bytes": "the floor",
    "consumer_instances_per_group": "one in each zone",
}


@given(DEMANDS)
def test_a_floor_that_decided_is_named_and_no_other_is(demand: Demand) -> None:
    """A figure is said to be a floor where it is the one of an event a second, and only there."""
    least = plan(Demand(peak_events_per_s=1, mean_event_bytes=1, latency_ms=15), None, "m7g.xlarge")
    for name, floor in FLOORS.items():
        assert getattr(least, name).because.startswith(floor), name
    made = cheapest(demand)
    if made is None:
        return
    for name, floor in FLOORS.items():
        figure, its_floor = getattr(made, name), getattr(least, name).value
        if figure.because.startswith(floor):
            assert figure.value == its_floor, name
        else:
            assert figure.value >= min(its_floor, made.machine.ebs_bytes_per_s), name


def test_a_small_machines_disk_says_that_the_machine_decided() -> None:
    """It carries less than a volume includes."""
    made = plan(Demand(peak_events_per_s=1, mean_event_bytes=1, latency_ms=15), None, "m7g.large")
    assert made.disk_bytes_per_s_per_broker.value == made.machine.ebs_bytes_per_s
    assert made.disk_bytes_per_s_per_broker.because.startswith("all that m7g.large carries")


def test_measured_rates_take_the_place_of_assumed_ones() -> None:
    """And the reason says so."""
    demand = Demand(peak_events_per_s=100_000, mean_event_bytes=1000, latency_ms=35)
    measured = plan(demand, Rates(partition_events_per_s=1000))
    assert measured.partitions.value == 132
    assert "1,000 events/s" in measured.partitions.because


def test_every_problem_is_named_at_once() -> None:
    """With path, value and what is legal."""
    with pytest.raises(BadInput) as refused:
        validated(
            Demand, {"peak_events_per_s": 0, "mean_event_bytes": "x", "latency_ms": 14}, "flags"
        )
    assert len(refused.value.problems) == 3
    with pytest.raises(BadInput, match="instance_type"):
        plan(
            Demand(peak_events_per_s=1, mean_event_bytes=1, latency_ms=15), instance_type="t2.nano"
        )
    with pytest.raises(BadInput, match="several clusters"):
        plan(Demand(peak_events_per_s=10**9, mean_event_bytes=10**6, latency_ms=15))


def ends_of(model: type[BaseModel], name: str) -> st.SearchStrategy[float]:
    """The least and the most that a number of a model may be, and what is just beyond."""
    field = model.model_fields[name]
    limits = [
        limit
        for rule in field.metadata
        for limit in (getattr(rule, side, None) for side in ("ge", "gt", "le", "lt"))
        if isinstance(limit, int | float)
    ]
    beyond = [math.nextafter(limit, towards) for limit in limits for towards in (0, math.inf)]
    whole_numbers = field.annotation is int
    return st.sampled_from(limits if whole_numbers else [*limits, *beyond, 5e-324, 1e-306])


NUMBERS = [name for name, field in Demand.model_fields.items() if field.annotation is not bool]


@given(
    st.fixed_dictionaries({name: ends_of(Demand, name) for name in NUMBERS}),
    st.fixed_dictionaries({}, optional={n: ends_of(Rates, n) for n in Rates.model_fields}),
)
def test_a_demand_at_the_ends_of_what_is_legal_is_planned_or_refused(
    asked: dict[str, float], measured: dict[str, float]
) -> None:
    """Never with anything but BadInput."""
    with suppress(BadInput):
        assert plan(validated(Demand, asked, "flags"), validated(Rates, measured, "f")).as_dict()


@pytest.mark.parametrize("name", sorted(Rates.model_fields))
@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "0", "1e400", "1e-306"])
def test_a_rate_that_nobody_measured_is_refused(name: str, number: str) -> None:
    """Too long to be a number, or too small."""
    with pytest.raises(BadInput, match=f"measured.json: {name}|measured.json: the whole"):
        validated(Rates, f'{{"{name}": {number}}}', "measured.json")


def test_a_plan_has_no_more_threads_than_a_machine_runs() -> None:
    """A fetcher of one byte a second is no measurement; the least that is one is planned with."""
    with pytest.raises(BadInput, match="replica_fetcher_bytes_per_s: got 1; legal"):
        validated(Rates, {"replica_fetcher_bytes_per_s": 1}, "measured.json")
    demand = Demand(peak_events_per_s=500_000, mean_event_bytes=1000, latency_ms=35)
    slow = plan(demand, Rates(replica_fetcher_bytes_per_s=1_000_000))
    assert slow.replica_fetchers.value < 1000


@given(st.text(max_size=60) | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_any_text_of_rates_is_taken_or_refused(text: str) -> None:
    """Never anything but BadInput."""
    with suppress(BadInput):
        assert validated(Rates, text, "measured.json")


def door(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m blueprint``."""
    command = [sys.executable, "-m", "blueprint", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_door_prints_a_plan_and_refuses_in_a_line_each() -> None:
    """Exit 0 with JSON or a table, exit 2 without a traceback."""
    asked = ("plan", "--peak-events-per-s", "500000", "--mean-event-bytes", "1000")
    printed = door(*asked, "--latency-ms", "35", "--json")
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout)["figures"]["partitions"]["value"] == 66
    assert "decided by" in door(*asked, "--latency-ms", "35").stdout
    refused = door(*asked, "--latency-ms", "3", "--retention-h", "-1")
    assert refused.returncode == 2
    assert refused.stderr.count("blueprint: flags:") == 2
    assert door(*asked, "--latency-ms", "x").returncode == 2
    assert door(*asked, "--latency-ms", "35", "--measured", "no-such-file").returncode == 2
    small = door(*asked, "--latency-ms", "35", "--consumer-ms-per-event", "1e-306")
    assert (small.returncode, small.stderr.count("\n")) == (2, 1)
    both = door(*asked, "--latency-ms", "35", "--json", "--markdown")
    assert (both.returncode, both.stdout) == (2, "")
    assert "--json and --markdown: got both; legal: one of them" in both.stderr
