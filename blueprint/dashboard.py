"""The dashboard of a stack, as Grafana takes it: the questions of an incident, from the top."""

import json
from dataclasses import dataclass

from blueprint.alerts import (
    DEFICIT_PART,
    Watched,
    lag_of_group,
)
from blueprint.fleet_options import (
    CRITICAL_LAG_RECORDS,
    EMERGENCY_LAG_RECORDS,
    WARNING_LAG_RECORDS,
)

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_LAG_STEPS = (
    ("green", None),
    ("yellow", WARNING_LAG_RECORDS),
    ("orange", CRITICAL_LAG_RECORDS),
    ("red", EMERGENCY_LAG_RECORDS),
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph.

    Attributes:
        queries: PromQL by legend; ``{{label}}`` is Grafana's.
        unit: Grafana's name of it.
        steps: Colours and the values where they begin.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    steps: tuple[tuple[str, float | None], ...] = (("green", None),)

    def to_json(self, number: int) -> dict[str, object]:
        """As Grafana has it, at its place."""
        return {
            "id": number + 1,
            "type": "timeseries",
            "title": self.title,
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "gridPos": {
                "x": number % _COLUMNS * _WIDTH,
                "y": number // _COLUMNS * _HEIGHT,
                "w": _WIDTH,
                "h": _HEIGHT,
            },
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "thresholds": {
                        "mode": "absolute",
                        "steps": [{"color": color, "value": at} for color, at in self.steps],
                    },
                    "custom": {"thresholdsStyle": {"mode": "line"}},
                },
                "overrides": [],
            },
            "targets": [
                {"refId": chr(ord("A") + n), "expr": query, "legendFormat": legend}
                for n, (legend, query) in enumerate(self.queries)
            ],
        }


def panels(watched: Watched) -> tuple[Panel, ...]:
    """The graphs of a stack: lag first, then why, then the brokers."""
    within = f'{{namespace="{watched.namespace}"}}'

    def by_group(metric: str, how: str = "max") -> str:
        return f"{how} by (group) (quorate_fleet_{metric}{within})"

    def rate(metric: str) -> str:
        return f"sum by (group) (rate(quorate_fleet_{metric}_total{within}[1m]))"

    found = [
        Panel(
            "Records behind",
            (("{{group}}", lag_of_group(watched.namespace)),),
            steps=_LAG_STEPS,
        ),
        Panel("Longest wait", (("{{group}}", by_group("lag_seconds")),), "s"),
        Panel(
            "Part of what arrives that is not kept up with",
            (("{{group}}", by_group("lag_deficit_ratio")),),
            "percentunit",
            (("green", None), ("red", DEFICIT_PART)),
        ),
        Panel(
            "Instances",
            (
                ("{{group}} wanted", by_group("instances_wanted")),
                (
                    "{{group}} with partitions",
                    f"count by (group) (quorate_fleet_partitions{within} > 0)",
                ),
            ),
        ),
        Panel("Records done", (("{{group}}", rate("finished_records")),), "cps"),
        Panel("In flight", (("{{group}}", by_group("in_flight_records", "sum")),)),
        Panel(
            "Held up",
            (
                ("{{group}} hung", by_group("hanging", "sum")),
                ("{{group}} stalled", by_group("stalled_partitions", "sum")),
                ("{{group}} keys waiting", by_group("waiting_keys", "sum")),
            ),
        ),
        Panel(
            "Failures",
            (
                ("{{group}} retried", rate("retried")),
                ("{{group}} dead letters", rate("poisoned")),
            ),
            "cps",
        ),
        Panel(
            "Producers: not acknowledged",
            (("{{producer}}", f"sum by (producer) (quorate_producer_in_flight_records{within})"),),
        ),
        Panel(
            "Producers: full buffers",
            (("{{producer}}", f"max by (producer) (quorate_producer_full{within})"),),
        ),
    ]
    return (*found, _brokers(within)) if watched.brokers else tuple(found)


def dashboard(watched: Watched, title: str) -> str:
    """Grafana's JSON; the same stack gives the same text."""
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    fields = {
        "uid": f"quorate-{watched.namespace}"[:40],
        "title": title,
        "tags": ["quorate"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [panel.to_json(number) for number, panel in enumerate(panels(watched))],
    }
    return json.dumps(fields, indent=1, sort_keys=True)


def _brokers(within: str) -> Panel:
    return Panel(
        "Partitions in danger",
        (
            (
                "without a leader",
                f"max(kafka_controller_kafkacontroller_offlinepartitionscount{within})",
            ),
            (
                "too few replicas to write",
                f"sum(kafka_server_replicamanager_underminisrpartitioncount{within})",
            ),
            (
                "under-replicated",
                f"sum(kafka_server_replicamanager_underreplicatedpartitions{within})",
            ),
        ),
        steps=(("green", None), ("red", 1)),
    )
