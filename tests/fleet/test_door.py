"""The door refuses bad input with every problem at once, and never with a traceback."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.problem import BadInput
from fleet.loading import load_handler, load_key, load_tx_handler
from fleet.settings import FleetSettings, fleet_settings

ROOT = Path(__file__).parents[2]
HANDLERS = "tests.fleet.handlers"


def call(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The door as a user calls it."""
    command = [sys.executable, "-m", "fleet", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_problem_is_said_at_once(tmp_path: Path) -> None:
    """Of flags, of the settings file, of the outputs and of the handler."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("drain_deadline_s: 1000\nnonsense: 1\nretry: {attempts: 0}\n")
    outputs = tmp_path / "outputs.json"
    outputs.write_text("{}")
    done = call(
        *("run", f"{HANDLERS}:nothing", "--outputs", str(outputs), "--settings", str(settings)),
        *("--topic", "a b", "--group", "g", "--lanes", "0"),
    )
    assert done.returncode == 2
    for said in ("drain_deadline_s", "nonsense", "retry.attempts", "topics.0", "lanes"):
        assert said in done.stderr
    assert "cluster_id" in done.stderr
    assert f"{HANDLERS}:nothing" in done.stderr
    assert "write_down" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "spec",
    ["nothing", ":x", "x:", "no.such.module:x", f"{HANDLERS}:number", "json:loads_", "os:getpid"],
)
def test_a_handler_that_is_none_is_refused(spec: str) -> None:
    """By its spec, with what is legal."""
    with pytest.raises(BadInput, match="handler: got"):
        load_handler(spec)


def test_a_key_must_be_plain() -> None:
    """Keys are asked for on the polling thread."""
    assert load_key(None) is None
    with pytest.raises(BadInput, match="a plain function"):
        load_key(f"{HANDLERS}:write_down_later")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"lanes": 100, "in_flight_records": 50}, "in_flight_records"),
        ({"dead_letters": "t"}, "dead_letters"),
        ({"retry": {"first_s": 5, "most_s": 1}}, "retry.first_s"),
        ({"topics": ("t", "t")}, "topics"),
        ({"topics": ()}, "topics"),
        ({"group": "g" * 245}, "dead_letters"),
        ({"dedup": {"database": "sqlite:"}}, "dedup.database"),
        ({"dedup": {"database": "nonsense"}}, "dedup.database"),
        ({"dedup": {"database": "postgresql://me:hidden@db/x"}}, "dedup.database"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, object], path: str) -> None:
    """With the path of what is to be changed."""
    with pytest.raises(BadInput) as refused:
        fleet_settings({"topics": ("t",), "group": "g"} | fields)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("name", ["write_down", "apply_later", "number"])
def test_with_a_database_a_handler_is_given_a_transaction(name: str) -> None:
    """One that takes none, or cannot be waited for, is refused before anything is joined."""
    assert callable(load_tx_handler(f"{HANDLERS}:apply_once"))
    with pytest.raises(BadInput, match="handler: got"):
        load_tx_handler(f"{HANDLERS}:{name}")


def test_settings_of_dedup_are_refused_with_the_rest(tmp_path: Path) -> None:
    """Every problem at once, no password repeated, and a handler of the wrong kind among them."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("dedup: {by: guess, margin_records: -1}\n")
    outputs = tmp_path / "outputs.json"
    outputs.write_text("{}")
    done = call(
        *("run", f"{HANDLERS}:write_down", "--outputs", str(outputs), "--topic", "t"),
        *("--group", "g", "--settings", str(settings), "--database", "host=db password=hidden"),
        *("--event-id", "no.such.module:x"),
    )
    assert done.returncode == 2
    for said in ("dedup.by", "dedup.margin_records", "a record and a transaction", "event id"):
        assert said in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


@given(
    st.dictionaries(
        st.sampled_from(sorted(FleetSettings.model_fields)),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_is_given_is_taken_or_refused(fields: dict[str, object]) -> None:
    """Nothing else comes of it."""
    with suppress(BadInput):
        found = fleet_settings(fields)
        assert found.lanes <= found.in_flight_records
