"""Lag as it is shown: metrics with their units, a table, JSON, and a door that refuses."""

import json
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from blueprint.problem import BadInput
from fleet.lag import GroupLag
from fleet.lag_door import document
from fleet.lag_metrics import LOOPBACK, STALE_S, LagCollector, serve
from fleet.lag_table import duration, table
from tests.fleet.test_door import call
from tests.fleet.test_lag import watched


@pytest.fixture
def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def behind() -> GroupLag:
    """A group with a deficit of 4 %."""
    return watched(1000, 0.96, 0.1, 1, 60)[-1]


def scraped(text: str) -> dict[str, float]:
    """The metrics of groups by their name."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {sample.name: sample.value for sample in samples if "partition" not in sample.labels}


def test_metrics_are_served_on_loopback_and_say_the_last_look(behind: GroupLag) -> None:
    """By the names that scalers and alerts ask for."""
    collector = LagCollector()
    with pytest.raises(BadInput, match="metrics"):
        serve(collector, 0, "192.0.2.1")
    registry = CollectorRegistry()
    registry.register(collector)
    collector.seen([behind])
    found = scraped(generate_latest(registry).decode())
    assert found["quorate_fleet_group_lag_records"] == behind.lag_records
    assert found["quorate_fleet_lag_level"] == 0
    assert found["quorate_fleet_lag_deficit"] == 1
    assert found["quorate_fleet_lag_deficit_ratio"] == pytest.approx(0.04, abs=0.01)
    assert found["quorate_fleet_instances_wanted"] == 6
    assert found["quorate_fleet_lag_looks_total"] == 1
    assert "quorate_fleet_drain_seconds" not in found
    text = generate_latest(registry).decode()
    assert 'quorate_fleet_lag_records{group="g",partition="1",topic="t"}' in text
    assert 'quorate_fleet_lag_seconds{group="g",partition="0",topic="t"}' in text


def test_a_look_that_is_old_is_no_metric(behind: GroupLag) -> None:
    """A gauge that stands still would look like a group that does."""
    now_s = 0.0
    collector = LagCollector(lambda: now_s)
    registry = CollectorRegistry()
    registry.register(collector)
    collector.seen([behind])
    now_s = STALE_S + 1
    collector.failed()
    found = scraped(generate_latest(registry).decode())
    assert "quorate_fleet_group_lag_records" not in found
    assert found["quorate_fleet_lag_look_failures_total"] == 1


def test_a_port_that_is_taken_is_refused_and_one_that_is_free_serves(free_port: int) -> None:
    """And is free again at the end."""
    end = serve(LagCollector(), free_port)
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{free_port}/metrics", timeout=10) as answer:
            assert b"quorate_fleet_lag_looks_total 0.0" in answer.read()
        with pytest.raises(BadInput, match=f"{LOOPBACK}:{free_port}"):
            serve(LagCollector(), free_port)
    finally:
        end()
    serve(LagCollector(), free_port)()


def test_the_table_names_what_to_do(behind: GroupLag) -> None:
    """The group, its partitions that are behind, the deficit, the instances wanted."""
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        console.print(table([behind]))
        console.print(table([]))
    text = captured.get()
    for said in ("t/0", "normal", "deficit of 4.", "4, wanted 6", "never", "no group has"):
        assert said in text
    assert duration(90_000) == "25.0 h"
    assert duration(600) == "10 min"


def test_the_document_is_json_with_levels_by_name(behind: GroupLag) -> None:
    """One line, whatever is in it."""
    said = json.loads(document([behind]))
    assert said["schema"] == 1
    (group,) = said["groups"]
    assert (group["group"], group["level"], group["deficit"]) == ("g", "normal", True)
    assert group["partitions"][0]["lag_records"] > 0
    assert "\n" not in document([behind])


def test_bad_input_is_refused_by_the_door(tmp_path: Path) -> None:
    """With where and what, and exit code 2."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text("{}")
    refused = call("lag", "--outputs", str(outputs), "--once")
    assert refused.returncode == 2
    assert "cluster_id" in refused.stderr
    missing = call("lag", "--outputs", str(tmp_path / "none"), "--limit", "high")
    assert missing.returncode == 2
    assert "emergency" in missing.stderr
    assert "Traceback" not in refused.stderr + missing.stderr
