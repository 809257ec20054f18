"""Experiments: the shipped ones are valid; anything else is refused in one message."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprint.problem import BadInput
from chaos.checks import REGISTRY as CHECKS
from chaos.experiment.dump import dump
from chaos.experiment.load import SHIPPED, load, parse, shipped
from chaos.faults import REGISTRY as FAULTS
from chaos.targets.lab import config_of

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_every_experiment_of_the_issue_is_shipped() -> None:
    """By name; the file's name is the experiment's."""
    assert set(NAMES) >= {
        "baseline",
        "az-kill",
        "az-blackhole",
        "latency",
        "rebalance",
        "fleet-rebalance",
        "fleet-rolling-deploy",
        "fleet-kill",
        "fleet-catch-up",
        "effect-once",
        "cdc-kill",
        "greedy-consumer",
        "gameday",
        "control-no-dedup",
        "control-commit-before-process",
        "control-min-isr-1",
        "control-noop-fault",
        "control-doctored-history",
        "control-deficit",
    }
    assert [experiment.name for experiment in shipped()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_experiment_is_what_it_says(name: str) -> None:
    """Its check exists, its lab can be had, and it survives being written as run."""
    experiment = load(name)
    assert experiment.expect.check in {None, *(check.name for check in CHECKS)}
    assert config_of("x", experiment.lab)
    assert parse(yaml.safe_load(dump(experiment)), "again") == experiment


def test_the_game_day_keeps_its_promise() -> None:
    """5,000 records/s of 1 KB, three replicas, two in sync, every fault of the issue."""
    gameday = load("gameday")
    workload = gameday.workload
    assert workload.rate_per_s >= 5000
    assert workload.record_bytes >= 1000
    assert (workload.replication_factor, workload.min_insync_replicas) == (3, 2)
    assert not workload.producer_overrides
    assert {step.fault for step in gameday.steps} >= {
        "az-kill",
        "az-blackhole",
        "latency",
        "member-join",
        "member-leave",
        "member-kill",
    }


def test_limits_are_the_budgets_unless_unavailability_is_the_point() -> None:
    """Only controls, of which something else is to be seen, have limits of their own."""
    loose = {e.name for e in shipped() if e.limits.recovery != "budget"}
    assert all(name.startswith("control-") for name in loose)


def test_every_error_is_named_at_once(tmp_path: Path) -> None:
    """With its path, what was given and what is legal."""
    path = tmp_path / "bad.yaml"
    fields = yaml.safe_load((SHIPPED / "az-kill.yaml").read_text())
    fields["workload"] = {"rate_per_s": -1, "partitionz": 3}
    fields["steps"][0]["fault"] = "az-kil"
    fields["blast_radius"] = {"zones": 2}
    del fields["max_duration_s"]
    path.write_text(yaml.safe_dump(fields))
    with pytest.raises(BadInput) as refused:
        load(str(path))
    said = str(refused.value)
    for expected in (
        "workload.rate_per_s",
        "workload.partitionz",
        "az-kill",
        "blast_radius.zones",
        "max_duration_s",
        "-1",
    ):
        assert expected in said
    assert str(path) in said


@pytest.mark.parametrize(
    ("override", "legal"),
    [
        ("workload.rate_per_s=0", "greater than or equal to 1"),
        ("workload.rate_per_s", "path=value"),
        ("workload.rate_per_s.x=1", "a path into the experiment"),
        ("steps.7.hold_s=1", "a path into the experiment"),
        ("steps.0.hold_s={", "a YAML value"),
        ("nonsense=1", "Extra inputs are not permitted"),
        ("seed=-1", "greater than or equal to 0"),
    ],
)
def test_a_bad_override_says_what_is_legal(override: str, legal: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadInput, match=legal):
        load("az-kill", [override])


def test_an_override_reaches_into_lists() -> None:
    """By index, typed as YAML."""
    experiment = load("az-kill", ["steps.0.hold_s=2.5", "workload.rate_per_s=77"], seed=9)
    assert experiment.steps[0].hold_s == 2.5
    assert (experiment.workload.rate_per_s, experiment.seed) == (77, 9)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_anything_but_an_experiment_is_refused(fields: Any) -> None:  # noqa: ANN401
    """BadInput with at least one problem, never anything else."""
    with pytest.raises(BadInput) as refused:
        parse(fields, "fuzz")
    assert refused.value.problems


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(NAMES), st.text(max_size=30), st.text(max_size=30))
def test_any_override_is_taken_or_refused(name: str, path: str, value: str) -> None:
    """Never a traceback."""
    with suppress(BadInput):
        assert load(name, [f"{path}={value}"]).steps is not None


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
def test_any_file_is_taken_or_refused(tmp_path_factory: Any, content: bytes) -> None:  # noqa: ANN401
    """Never a traceback."""
    path = tmp_path_factory.mktemp("fuzz") / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        load(str(path))


@given(st.text(max_size=60))
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    """Every name that could have been meant."""
    if name in NAMES:
        return
    with pytest.raises(BadInput, match="gameday"):
        load(name)


def test_every_fault_says_what_a_user_would_see() -> None:
    """One sentence each."""
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.says.endswith(".")
