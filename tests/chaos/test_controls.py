"""Every control breaks the one rule that it is about, and says so; with it kept it breaks none."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.controls import CONTROLS, Row, experiment_of, saved, table
from bench.sections import replace_section
from blueprint.failover_profile import DEFAULT_PROFILE
from blueprint.problem import BadInput
from blueprint.topology import ZONES
from chaos.experiment.load import load, shipped
from chaos.experiment.model import Experiment
from chaos.experiment.work import Effects


def zone_each(experiment: Experiment) -> bool:
    """Whether no partition has two replicas in one zone."""
    zones = experiment.lab.broker_zones
    placed = [[zones[one - 1] for one in turn] for turn in _assignment(experiment)]
    return all(len(set(turn)) == len(turn) for turn in placed)


def _assignment(experiment: Experiment) -> tuple[tuple[int, ...], ...]:
    return experiment.workload.replica_assignment or ()


#: How often Kafka looks for what to delete; no rule speaks of it.
TIME_SCALE = {"log.retention.check.interval.ms", "log.initial.task.delay.ms"}
RULES: Mapping[str, Callable[[Experiment], bool]] = {
    "acks": lambda e: e.workload.acks == "all",
    "idempotence": lambda e: e.workload.idempotence,
    "in sync": lambda e: e.workload.min_insync_replicas == 2,
    "replicas": lambda e: e.workload.replication_factor == 3,
    "clean election": lambda e: not e.workload.unclean_leader_election,
    "a replica a zone": zone_each,
    "a controller a zone": lambda e: e.lab.controller_zones == ZONES,
    "retention": lambda e: (e.workload.retention_s or 60) >= 60,
    "time-outs": lambda e: e.lab.profile == DEFAULT_PROFILE,
    "remembered": lambda e: e.workload.work.effects is not Effects.AT_LEAST_ONCE,
    "done, then committed": lambda e: e.workload.work.effects is not Effects.AT_MOST_ONCE,
    "quota": lambda e: (
        e.workload.greedy_quota_bytes_per_s is not None
        or all(step.fault != "greedy-consumer" for step in e.steps)
    ),
    "topic": lambda e: not e.workload.topic_config,
    "producer": lambda e: not e.workload.producer_overrides,
    "limits": lambda e: e.lab.broker_overrides.keys() <= TIME_SCALE,
}
#: What no cluster or client takes without the other.
BROKEN = {
    "control-acks-1": {"acks", "idempotence"},
    "control-min-isr-1": {"in sync"},
    "control-unclean-election": {"clean election"},
    "control-replication-1": {"replicas", "in sync"},
    "control-one-zone-replicas": {"a replica a zone"},
    "control-one-zone-controllers": {"a controller a zone"},
    "control-no-idempotence": {"idempotence"},
    "control-short-retention": {"retention"},
    "control-kafka-defaults": {"time-outs"},
    "control-no-dedup": {"remembered"},
    "control-commit-before-process": {"done, then committed"},
}


def broken(experiment: Experiment) -> set[str]:
    """The rules that an experiment breaks."""
    return {name for name, holds in RULES.items() if not holds(experiment)}


@pytest.mark.parametrize("name", BROKEN)
def test_a_control_breaks_one_rule_and_no_other(name: str) -> None:
    """It expects a FAIL by a check; with the rule kept it breaks none and expects a PASS."""
    control, kept = experiment_of(name, kept=False), experiment_of(name, kept=True)
    assert broken(control) == BROKEN[name]
    assert control.expect.outcome == "FAIL"
    assert control.expect.check is not None
    assert broken(kept) == set()
    assert (kept.expect.outcome, kept.expect.check) == ("PASS", None)
    assert kept.steps == control.steps
    assert kept.limits == control.limits


def test_every_control_of_a_rule_is_measured() -> None:
    """And nothing else."""
    assert set(CONTROLS) == set(BROKEN)


def test_whatever_is_unsafe_says_so() -> None:
    """First of all."""
    unsafe = {one.name for one in shipped() if broken(one)}
    assert unsafe == set(BROKEN)
    assert all(load(name).says.startswith("UNSAFE: ") for name in unsafe)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workload.acks=1", "idempotence: false where acks is 1"),
        ("workload.acks=2", "workload.acks"),
        ("workload.replication_factor=1", "min_insync_replicas: at most"),
        ("workload.replica_assignment=[[1, 1, 2]]", "3 different brokers each"),
        ("workload.replica_assignment=[[1, 2]]", "3 different brokers each"),
        ("workload.replica_assignment=[[1, 2, 4]]", "brokers 1 to 3"),
        ("workload.replica_assignment=[]", "replica_assignment"),
        ("workload.retention_s=0", "retention_s"),
        ("workload.topic_config={retention.ms: '5'}", "say it as workload.retention_s"),
        (
            "workload.topic_config={unclean.leader.election.enable: 'true'}",
            "say it as workload.unclean_leader_election",
        ),
        ("workload.producer_overrides={acks: 1}", "say it as workload.acks"),
        (
            "workload.producer_overrides={enable.idempotence: false}",
            "say it as workload.idempotence",
        ),
        ("blast_radius.zones=3", "blast_radius.zones: 1"),
        ("steps.0.fault=stale-zone-left", "blast_radius.zones: 3"),
    ],
)
def test_a_setting_that_is_not_legal_is_refused(override: str, said: str) -> None:
    """With what is."""
    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        load("az-kill", [override])


def test_replicas_are_placed_in_turn() -> None:
    """The assignment repeats itself over the partitions."""
    workload = load("control-one-zone-replicas").workload
    assert [workload.replicas_of(p) for p in (0, 1, 3)] == [[1, 2, 3], [2, 3, 1], [1, 2, 3]]
    assert load("az-kill").workload.replicas_of(0) is None


def row(name: str, **fields: object) -> Row:
    """A run."""
    said: dict[str, object] = {
        "control": name,
        "kept": False,
        "outcome": "FAIL",
        "as_expected": True,
        "found_by": ("lost",),
        "acknowledged": 12345,
        "lost": 1234,
        "duplicated": 0,
        "skipped": 0,
        "no_ack_s": 2.25,
        "took_s": 50.0,
        "cpu_load": 3.0,
    }
    return Row(**{**said, **fields})  # type: ignore[arg-type]


def test_the_table_has_the_latest_run_of_each() -> None:
    """Broken beside kept; what was not run says so."""
    old, new = row("control-acks-1", lost=1), row("control-acks-1")
    kept = row("control-acks-1", kept=True, outcome="PASS", found_by=(), lost=0, no_ack_s=None)
    said = table([old, new, kept])
    assert (
        "| acks=all | `control-acks-1` | FAIL by `lost` | 1,234 | 0 | 0 |  |  | 12,345 | 2.2 s "
        "| PASS | 0 | 0 | 0 |  |  | 12,345 | did not end |"
    ) in said
    assert said.count("not run") == 2 * (len(CONTROLS) - 1)


def test_the_table_says_what_became_of_effects_where_there_were_some() -> None:
    """None of them is a figure, and no figure is none of them."""
    said = table([row("control-no-dedup", lost=0, effects_missing=0, effects_repeated=77)])
    assert "| FAIL by `lost` | 0 | 0 | 0 | 0 | 77 | 12,345 | 2.2 s " in said


def test_saved_runs_are_read_back(tmp_path: Path) -> None:
    """As they were."""
    assert saved(tmp_path / "none.jsonl") == []


def test_a_section_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    """Twice is once; a page without the section is not written."""
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- a: begin -->\nold\n<!-- a: end -->\nbelow\n")
    for _ in range(2):
        replace_section(page, "a", "new\n")
    assert page.read_text() == "above\n<!-- a: begin -->\nnew\n<!-- a: end -->\nbelow\n"
    with pytest.raises(LookupError, match="no section"):
        replace_section(page, "b", "new")
