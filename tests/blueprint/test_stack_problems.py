"""One list of everything that is wrong with a stack's settings, before anything is declared."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from blueprint.blueprint import blueprint_of
from blueprint.problem import BadInput, models_in
from blueprint.stack_config import StackConfig, parse_stack
from blueprint.stack_problems import CHECKS

STACKS = Path(__file__).parents[2] / "stacks"
AWS: dict[str, Any] = {
    "region": "eu-central-1",
    "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "0" * 128},
}
STACK: dict[str, Any] = {
    "target": "aws",
    "chaos": True,
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
    "aws": AWS,
}


def problems_of(**changed: object) -> dict[str, str]:
    """What is legal, by path, where a sound stack is changed so."""
    try:
        parse_stack(STACK | changed, "s")
    except BadInput as refused:
        return {one.path.removeprefix("s: "): str(one) for one in refused.problems}
    return {}


def fleet(**changed: object) -> dict[str, object]:
    """One fleet."""
    return {"name": "billing", "image": "billing:1", "consumes": ["orders"], **changed}


@pytest.mark.parametrize("name", ["local", "aws", "kubernetes"])
def test_the_stacks_that_come_with_the_project_are_legal(name: str) -> None:
    """Each of them, to the end."""
    said = yaml.safe_load((STACKS / f"Pulumi.{name}.yaml").read_text())["config"]
    fields = {
        key.removeprefix("quorate:"): value for key, value in said.items() if "aws:" not in key
    }
    assert blueprint_of(parse_stack(fields, "s")).topics


def test_what_is_wrong_by_itself_hides_nothing_else() -> None:
    """Types, contradictions, the demand, overrides and room: all in one list."""
    found = problems_of(
        fleets=[fleet(image=7)],
        game_day={"image": "chaos:1", "experiment": "gameday"},
        security="plaintext",
        broker_overrides={"node.id": "7", "min.insync.replicas": "1"},
        demand=STACK["demand"] | {"peak_events_per_s": 15_000_000},
        aws=AWS | {"vpc_cidr": "10.0.0.0/22"},
        clients=[{"name": "quorate-admin"}],
        unknown=1,
    )
    assert set(found) == {
        "fleets.0.image",
        "clients.0.name",
        "unknown",
        "security",
        "game_day.experiment",
        "broker_overrides.node.id",
        "broker_overrides.min.insync.replicas",
        "aws.vpc_cidr",
    }
    assert set(problems_of(demand=STACK["demand"] | {"peak_events_per_s": 10**9}, topics=[])) == {
        "demand",
        "topics",
    }


@pytest.mark.parametrize(
    "zones",
    [
        ["eu-central-1a", "eu-central-1b", "eu-west-1c"],
        ["eu-central-1a", "eu-central-1b", "eu-central-1b"],
        ["a", "b", "c"],
        ["eu-central-1a", "eu-central-1b", ""],
    ],
)
def test_availability_zones_are_three_of_the_region(zones: list[str]) -> None:
    """Neither of another one, nor misspelt, nor one twice."""
    assert set(problems_of(aws=AWS | {"availability_zones": zones})) == {"aws.availability_zones"}


@pytest.mark.parametrize("label", ["", "a b", "a\n", "\x00", "x" * 64, "-a"])
def test_zone_labels_are_ones(label: str) -> None:
    """As Kubernetes takes them."""
    found = problems_of(target="kubernetes", kubernetes={"zones": ["a", "b", label]})
    assert set(found) == {"kubernetes.zones.2"}


@pytest.mark.parametrize(
    "line",
    [
        "61 * * * *",
        "* 24 * * *",
        "0 0 0 * *",
        "0 0 1 13 *",
        "0 0 * * 8",
        "a b c d e",
        "* * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
        "",
    ],
)
def test_a_cron_line_that_is_none_is_refused(line: str) -> None:
    """Before Kubernetes would, when half of the stack is there."""
    assert set(problems_of(game_day={"image": "c:1", "schedule": line})) == {"game_day.schedule"}


@pytest.mark.parametrize(
    "line", ["0 10 * * 2", "*/15 0-6,22 1-31/2 JAN-mar,12 mon-FRI", "5/10 ? * * SUN"]
)
def test_a_cron_line_is_taken(line: str) -> None:
    """With lists, ranges, steps and names."""
    assert problems_of(game_day={"image": "c:1", "schedule": line}) == {}


@pytest.mark.parametrize("cidr", [0, True, "0.0.0.0/0", "0.0.0.0/1", "10.0.0.1/8", "x", None])
def test_a_network_is_written_out_and_nobody_elses(cidr: object) -> None:
    """No number that is an address by chance, and not everybody."""
    assert set(problems_of(clients=[{"name": "shop", "cidrs": [cidr]}])) == {"clients.0.cidrs.0"}
    assert set(problems_of(aws=AWS | {"operator_cidrs": [cidr]})) == {"aws.operator_cidrs.0"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min.insync.replicas", "1"),
        ("min.insync.replicas", "many"),
        ("default.replication.factor", "1"),
        ("offsets.topic.replication.factor", "2"),
        ("transaction.state.log.min.isr", "1"),
        ("unclean.leader.election.enable", "TRUE"),
        ("auto.create.topics.enable", "true"),
    ],
)
def test_an_override_undoes_no_promise(name: str, value: str) -> None:
    """With what it may be."""
    found = problems_of(broker_overrides={name: value})
    assert set(found) == {f"broker_overrides.{name}"}
    assert "; legal: " in found[f"broker_overrides.{name}"]


def test_an_override_that_keeps_the_promise_is_taken() -> None:
    """And so is any other setting."""
    kept = {"min.insync.replicas": "3", "unclean.leader.election.enable": "false"}
    assert problems_of(broker_overrides=kept | {"log.segment.bytes": "268435456"}) == {}


def test_what_is_kept_for_no_time_is_refused() -> None:
    """Of a topic, and of all of them."""
    short = {"retention_h": 1e-9}
    assert set(problems_of(topics=[{"name": "orders", **short}])) == {"topics.0.retention_h"}
    assert set(problems_of(demand=STACK["demand"] | short)) == {"demand.retention_h"}


def test_more_instances_than_partitions_are_refused_and_not_cut() -> None:
    """What is wanted and cannot be is said."""
    topics = [{"name": "orders", "partitions": 9}]
    found = problems_of(topics=topics, fleets=[fleet(instances=10_000)])
    assert "legal: 1 to 9" in found["fleets.0.instances"]
    assert problems_of(topics=topics, fleets=[fleet(instances=9)]) == {}


@pytest.mark.parametrize("cidr", ["10.20.4.0/24", "10.20.0.0/16", "10.0.0.0/8"])
def test_a_client_connects_from_outside_the_vpc(cidr: str) -> None:
    """Neither from a part of it nor from a network that it is a part of."""
    found = problems_of(clients=[{"name": "shop", "cidrs": ["10.40.0.0/16", cidr]}])
    assert set(found) == {"clients.0.cidrs"}
    assert f"got '{cidr}'; legal: a network outside aws.vpc_cidr, 10.20.0.0/16" in str(found)
    assert problems_of(clients=[{"name": "shop", "cidrs": ["10.40.0.0/16"]}]) == {}


def test_a_game_day_has_time_to_run() -> None:
    """A second would abort every one."""
    assert set(problems_of(game_day={"image": "c:1", "deadline_s": 1})) == {"game_day.deadline_s"}
    assert problems_of(game_day={"image": "c:1", "deadline_s": 300}) == {}


def test_a_topic_that_a_list_says_twice_is_refused() -> None:
    """Its partitions would count twice, and replicas stand above them."""
    topics = [{"name": "orders", "partitions": 9}]
    found = problems_of(
        topics=topics,
        fleets=[fleet(consumes=["orders", "orders"], instances=18)],
        clients=[{"name": "shop", "produces": ["orders", "orders"]}],
    )
    assert set(found) == {"fleets.0.consumes", "fleets.0.instances", "clients.0.produces"}
    assert "got 'orders' twice; legal: one of each name" in found["fleets.0.consumes"]
    assert "legal: 1 to 9" in found["fleets.0.instances"]


def test_every_check_reads_settings_that_there_are() -> None:
    """A misspelt place would never be in doubt, and what its check finds always believed."""
    for reads, _ in CHECKS:
        for pattern in reads.split():
            models: list[type[BaseModel]] = [StackConfig]
            for step in pattern.split("."):
                if step not in ("*", "**"):
                    (field,) = (
                        one.model_fields[step] for one in models if step in one.model_fields
                    )
                    models = list(models_in(field.annotation))


def test_names_that_are_taken_are_refused_where_they_stand() -> None:
    """Of topics too: the suite may delete what is called as its own are."""
    found = problems_of(
        topics=[{"name": "orders"}, {"name": "quorate-mine"}],
        fleets=[fleet(name="game-day")],
        clients=[{"name": "kafka-cluster-ca"}],
    )
    assert set(found) == {"topics.1.name", "fleets.0.name", "clients.0.name"}


def test_topics_are_held_against_the_plan() -> None:
    """What the demand does not pay for is refused, with what would; and that is then legal."""
    many: list[dict[str, Any]] = [{"name": f"t{n}", "partitions": 1_000} for n in range(200)]
    year = [topic | {"retention_h": 8_760} for topic in many]
    found = problems_of(topics=year, fleets=[fleet(consumes=["t0"])])
    assert set(found) == {"topics", "topics: retention_h"}
    assert "200,003 partitions" in found["topics"]
    assert "set demand.retention_h to 8760" in found["topics: retention_h"]
    paid = STACK["demand"] | {"partitions_today": 200_000, "retention_h": 8_760}
    assert problems_of(topics=year, demand=paid) == {}


@given(st.integers(1, 2_000_000), st.floats(0.01, 500), st.integers(0, 3))
def test_what_is_left_to_the_plan_is_within_it(events: int, retention_h: float, more: int) -> None:
    """A stack that says nothing of partitions and retention is refused for neither."""
    demand = STACK["demand"] | {"peak_events_per_s": events, "retention_h": retention_h}
    topics = [{"name": f"t{n}"} for n in range(more + 1)]
    found = problems_of(demand=demand, topics=topics)
    assert "topics: retention_h" not in found
    assert more or "topics" not in found


def test_a_chosen_machine_is_the_one_that_is_planned_with() -> None:
    """What it cannot carry is refused, with its own figures, and what it can is taken."""
    small = {"target": "local", "security": "plaintext", "instance_type": "m7g.large"}
    assert "got 2 brokers in each zone" in problems_of(**small)["demand"]
    assert problems_of(**small | {"instance_type": "m7g.xlarge"}) == {}

    more = {
        "topics": [{"name": "orders", "partitions": 2_781}],
        "demand": STACK["demand"] | {"peak_events_per_s": 150_000},
    }
    assert "at most 2,307 on 3 m7g.xlarge" in problems_of(**more)["topics"]
    assert (
        "at most 2,307 on 3 m7g.xlarge" in problems_of(**more, instance_type="m7g.xlarge")["topics"]
    )
    assert problems_of(**more, instance_type="m7g.16xlarge") == {}

    demand = STACK["demand"] | {"peak_events_per_s": 40_000_000}
    found = problems_of(demand=demand, instance_type="m7g.large")
    assert "legal: at most 334 brokers per zone" in found["demand"]


def test_a_topic_that_few_write_to_may_be_kept_for_long() -> None:
    """How much goes to which topic is not said; what can be, is let through."""
    failed = {"name": "orders.failed", "partitions": 3, "retention_h": 720}
    assert problems_of(topics=[{"name": "orders"}, failed]) == {}
    narrow = {"name": "orders", "partitions": 1}
    assert set(problems_of(topics=[narrow, failed])) == {"topics: retention_h"}


def test_what_is_compacted_is_kept_for_no_time() -> None:
    """It grows with its keys, of which nobody has said anything."""
    topics = [{"name": "orders"}, {"name": "k", "cleanup_policy": "compact", "retention_h": 8_760}]
    assert problems_of(topics=topics) == {}


#: Each is wrong by itself, and hides none of the others.
WRONG: dict[str, tuple[str, object]] = {
    "target": ("target", "moon"),
    "security": ("security", 7),
    "failover_profile": ("failover_profile", "never"),
    "broker_overrides.node.id": ("broker_overrides", {"node.id": "7"}),
    "topics.0.retention_h": ("topics", [{"name": "orders", "retention_h": 0}, {"name": "t"}]),
    "clients.0.name": ("clients", [{"name": "quorate-node"}]),
    "demand.peak_events_per_s": ("demand", {**STACK["demand"], "peak_events_per_s": -1}),
    "game_day.schedule": ("game_day", {"image": "c:1", "schedule": "never"}),
    "aws.vpc_cidr": ("aws", {**AWS, "vpc_cidr": 0}),
    "nonsense": ("nonsense", None),
}


@given(st.sets(st.sampled_from(sorted(WRONG))))
def test_no_problem_hides_another(paths: set[str]) -> None:
    """Whichever come together."""
    found = problems_of(**dict(WRONG[path] for path in paths))
    assert set(found) == paths


def test_a_stray_in_a_section_hides_nothing_else_of_it() -> None:
    """An override that is no text, and a name that there is not."""
    strays = {"log.dirs": "/x", "min.insync.replicas": "1", "num.io.threads": 16}
    assert set(problems_of(broker_overrides=strays)) == {
        f"broker_overrides.{name}" for name in strays
    }
    aws = AWS | {"zzz": 1, "fleet_cidrs": ["10.9.0.0/16"]}
    assert set(problems_of(aws=aws)) == {"aws.zzz", "aws.kubeconfig and aws.fleet_cidrs"}


def test_a_name_that_stands_twice_is_said_whatever_else_is_wrong() -> None:
    """In the same list, and across fleets and clients."""
    topics = [{"name": "BAD"}, {"name": "orders"}, {"name": "orders"}]
    assert set(problems_of(topics=topics)) == {"topics.0.name", "topics"}
    wrong = fleet(image=7, consumes=["orders", "nowhere"])
    found = problems_of(fleets=[wrong], clients=[{"name": "billing"}])
    assert set(found) == {
        "fleets.0.image",
        "fleets and clients",
        "fleets.0.consumes",
    }


#: Ways to spoil one fleet beside which every other is said too.
SPOILT: dict[str, dict[str, object]] = {
    "fleets.0.image": {"image": 7},
    "fleets.0.cpu_millis": {"cpu_millis": 1},
    "fleets.0.zzz": {"zzz": 1},
    "fleets.0.produces": {"produces": ["nowhere"]},
}


@given(st.sets(st.sampled_from(sorted(SPOILT))), st.booleans())
def test_no_problem_of_a_fleet_hides_another_of_it(paths: set[str], twice: bool) -> None:
    """Whichever come together, and if its name is taken too."""
    changed = {name: value for path in paths for name, value in SPOILT[path].items()}
    clients = [{"name": "billing"}] if twice else []
    found = problems_of(fleets=[fleet(**changed)], clients=clients)
    assert set(found) == paths | ({"fleets and clients"} if twice else set())
