"""The rules, judged by Prometheus' own ``promtool``: when each fires, and when it does not."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from blueprint.alerts import Watched, alerts, rule_groups
from blueprint.dashboard import dashboard
from blueprint.problem import BadInput
from blueprint.stack_config import parse_stack
from fleet.buffer import BufferState
from fleet.delivery import ProducerFigures
from fleet.lag_metrics import LagCollector
from fleet.metrics import MemberCollector, ProducerCollector, SignalCounts
from fleet.signals import unheard
from fleet.slot_metrics import SlotCollector
from fleet.slot_watch import SlotPolicy, SlotReading, judge
from tests.fleet.test_health import FIGURES

WATCHED = Watched("quorate", brokers=True, game_day_within_d=1)
_DAY_MIN = 24 * 60
#: What comes from elsewhere: from brokers and from kube-state-metrics.
ELSEWHERE = {
    "kafka_controller_kafkacontroller_offlinepartitionscount",
    "kafka_server_replicamanager_underminisrpartitioncount",
    "kafka_server_replicamanager_underreplicatedpartitions",
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
}

Series = dict[str, str]


def lag(values: str, partition: int = 0, pod: str = "a") -> Series:
    """The lag of one partition, as one pod says it."""
    labels = (
        f'group="billing", namespace="quorate", topic="t", partition="{partition}", pod="{pod}"'
    )
    return {f"quorate_fleet_lag_records{{{labels}}}": values}


def of_group(metric: str, values: str) -> Series:
    """A series of the group, or of the producer or slot of that name."""
    what = {"producer": "producer", "cdc": "slot"}.get(metric.split("_")[1], "group")
    return {f'{metric}{{namespace="quorate", {what}="billing", pod="a"}}': values}


def of_job(metric: str, values: str) -> Series:
    """A series of the game day's CronJob."""
    return {f'{metric}{{namespace="quorate", cronjob="game-day"}}': values}


def broker(metric: str, values: str) -> Series:
    """A series of one broker."""
    return {f'{metric}{{namespace="quorate", pod="kafka-0"}}': values}


#: What is seen, at which minute, and which alerts are then firing.
CASES: list[tuple[Series, int, set[str]]] = [
    (lag("9999x30"), 20, set()),
    (lag("10000+0x4"), 3, {"FleetLagWarning"}),
    (lag("10000+0x4"), 0, set()),
    (lag("99999+0x4"), 3, {"FleetLagWarning"}),
    (lag("100000+0x4"), 3, {"FleetLagCritical"}),
    (lag("1000000+0x4"), 3, {"FleetLagCritical"}),
    (lag("1000001+0x4"), 0, {"FleetLagEmergency"}),
    # Partitions add up; two pods that say the same of one do not.
    (lag("6000+0x4") | lag("6000+0x4", 1), 3, {"FleetLagWarning"}),
    (lag("6000+0x4") | lag("6000+0x4", 0, "b"), 3, set()),
    # 20,000 that fall by 10 a second are gone soon; those that stand are not, nor at 1 a second.
    (lag("50000-600x40"), 25, {"FleetLagWarning"}),
    (lag("50000+0x40"), 25, {"FleetLagWarning", "FleetDrainsTooSlowly"}),
    (lag("50000-60x40"), 25, {"FleetLagWarning", "FleetDrainsTooSlowly"}),
    (
        of_group("quorate_fleet_lag_deficit_ratio", "0.04+0x9")
        | of_group("quorate_fleet_lag_level", "0+0x9"),
        6,
        {"FleetDeficit"},
    ),
    (
        of_group("quorate_fleet_lag_deficit_ratio", "0.04+0x9")
        | of_group("quorate_fleet_lag_level", "0+0x9"),
        4,
        set(),
    ),
    (
        of_group("quorate_fleet_lag_deficit_ratio", "0.039+0x9")
        | of_group("quorate_fleet_lag_level", "0+0x9"),
        8,
        set(),
    ),
    (
        of_group("quorate_fleet_lag_deficit_ratio", "0.3+0x9")
        | of_group("quorate_fleet_lag_level", "1+0x9"),
        8,
        set(),
    ),
    (of_group("quorate_fleet_poisoned_total", "3+0x9"), 8, set()),
    (of_group("quorate_fleet_poisoned_total", "0 0 0 1+0x9"), 8, {"FleetPoisoned"}),
    (of_group("quorate_fleet_stalled_partitions", "0 1+0x9"), 1, set()),
    (of_group("quorate_fleet_stalled_partitions", "0 1+0x9"), 3, {"FleetStalled"}),
    (of_group("quorate_fleet_hanging", "0 2+0x9"), 3, {"FleetHung"}),
    (of_group("quorate_producer_full", "1+0x9"), 0, set()),
    (of_group("quorate_producer_full", "1+0x9"), 2, {"ProducerBufferFull"}),
    (
        of_group("quorate_producer_unknown_records_total", "0 0 5+0x9")
        | of_group("quorate_producer_failed_records_total", "0+0x9"),
        6,
        {"ProducerNotAcknowledged"},
    ),
    (
        of_group("quorate_cdc_slot_held_bytes", "500+0x9")
        | of_group("quorate_cdc_slot_limit_bytes", "1000+0x9"),
        5,
        set(),
    ),
    (
        of_group("quorate_cdc_slot_held_bytes", "501+0x9")
        | of_group("quorate_cdc_slot_limit_bytes", "1000+0x9"),
        5,
        {"ReplicationSlotGrows"},
    ),
    (
        broker("kafka_controller_kafkacontroller_offlinepartitionscount", "1+0x9"),
        0,
        {"KafkaOfflinePartitions"},
    ),
    (
        broker("kafka_server_replicamanager_underminisrpartitioncount", "1+0x9"),
        0,
        {"KafkaUnderMinIsr"},
    ),
    # A rolling restart is not worth waking anybody.
    (broker("kafka_server_replicamanager_underreplicatedpartitions", "5+0x9"), 4, set()),
    (
        broker("kafka_server_replicamanager_underreplicatedpartitions", "5+0x9"),
        6,
        {"KafkaUnderReplicated"},
    ),
    (of_job("kube_cronjob_status_last_successful_time", "0+0x1510"), _DAY_MIN, set()),
    (
        of_job("kube_cronjob_status_last_successful_time", "0+0x1510")
        | of_job("kube_cronjob_created", "0+0x1510"),
        _DAY_MIN + 62,
        {"NoGameDay"},
    ),
    (of_job("kube_cronjob_created", "0+0x1510"), _DAY_MIN + 62, {"NoGameDay"}),
]


def test_each_rule_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    """Every case says which of all the rules fire; each rule fires in at least one."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install --no-install-recommends prometheus")
    names = [one.name for one in alerts(WATCHED)]
    assert set().union(*(firing for _, _, firing in CASES)) == set(names)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_groups(WATCHED)))
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": s, "values": v} for s, v in series.items()],
            "promql_expr_test": [_expected(at, firing)],
        }
        for series, at, firing in CASES
    ]
    unit = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(unit))
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]):
        done = subprocess.run(
            [promtool, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _expected(at_min: int, firing: set[str]) -> dict[str, object]:
    return {
        "eval_time": f"{at_min}m",
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing],
    }


def test_nothing_is_asked_that_nobody_says() -> None:
    """Every metric of a rule or a graph is one of a fleet's, or of those that are known."""
    figures = ProducerFigures(BufferState.FLOWING)
    collectors = (
        SignalCounts("g", unheard),
        MemberCollector("g", lambda: FIGURES),
        ProducerCollector("p", lambda: figures),
    )
    slot = SlotCollector("s", lambda: judge([SlotReading(0.0, True, held_bytes=1)], SlotPolicy()))
    said = {s.name for c in (*collectors, slot) for f in c.collect() for s in f.samples}
    said |= {family.name for family in LagCollector().collect()}
    text = dashboard(WATCHED, "quorate") + "".join(one.expr for one in alerts(WATCHED))
    asked = set(re.findall(r"\b(?:quorate_|kafka_|kube_)\w+", text))
    assert asked <= said | ELSEWHERE


def test_without_brokers_and_game_days_nobody_is_told_of_them() -> None:
    """What cannot be seen cannot be alarmed about."""
    few = Watched("quorate", brokers=False)
    names = {one.name for one in alerts(WATCHED)} - {one.name for one in alerts(few)}
    assert names == {
        "KafkaOfflinePartitions",
        "KafkaUnderMinIsr",
        "KafkaUnderReplicated",
        "NoGameDay",
    }
    assert "kafka_" not in dashboard(few, "quorate")


def test_the_dashboard_is_whole() -> None:
    """Panels do not overlap, every query has a legend, and the same stack gives the same text."""
    made = json.loads(dashboard(WATCHED, "quorate"))
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]}
    assert len(places) == len(made["panels"]) == len({panel["id"] for panel in made["panels"]})
    assert all(target["legendFormat"] for panel in made["panels"] for target in panel["targets"])
    assert dashboard(WATCHED, "quorate") == dashboard(WATCHED, "quorate")


def test_monitoring_is_for_where_somebody_watches() -> None:
    """On this machine nobody does; elsewhere a label that is none is refused by its path."""
    settings: dict[str, object] = {
        "target": "local",
        "security": "plaintext",
        "demand": {"peak_events_per_s": 5000, "mean_event_bytes": 1000, "latency_ms": 35},
        "topics": [{"name": "orders"}],
    }
    with pytest.raises(BadInput, match="a test: monitoring: got a section"):
        parse_stack(settings | {"monitoring": {}}, "a test")
    bad = {"target": "kubernetes", "security": "scram", "monitoring": {"labels": {"a": "b c"}}}
    with pytest.raises(BadInput, match=r"monitoring\.labels\.a"):
        parse_stack(settings | bad, "a test")
