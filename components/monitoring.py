"""What Prometheus and Grafana are told of a stack: rules, whom to ask, and a dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint.alerts import Watched, rule_groups
from blueprint.dashboard import dashboard
from blueprint.fleet_contract import METRICS_PATH
from blueprint.labels import FLEET_LABEL
from blueprint.stack_config import MonitoringConfig
from components.frozen_config import frozen_config

_API = "monitoring.coreos.com/v1"
#: Grafana's side car takes up every ConfigMap that carries this.
DASHBOARD_LABEL = ("grafana_dashboard", "1")
#: Where Strimzi has a broker's metrics answered.
BROKER_METRICS_PORT = 9404
_EVERY = "15s"


@dataclass(frozen=True, slots=True)
class MonitoringArgs:
    """What is watched, and by whom.

    Attributes:
        broker_labels: Of the brokers' pods; None where they are no pods.
    """

    config: MonitoringConfig
    watched: Watched
    broker_labels: Mapping[str, str] | None


class Monitoring(pulumi.ComponentResource):
    """PrometheusRule, PodMonitors and dashboard, in the namespace of what is watched."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:kubernetes:Monitoring", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._object("PrometheusRule", "quorate", rule_groups(args.watched))
        self._object("PodMonitor", "fleets", _of_fleets())
        if args.broker_labels is not None:
            self._object("PodMonitor", "brokers", _of_brokers(args.broker_labels))
        title = f"Quorate: {args.watched.namespace}"
        self._dashboard(dashboard(args.watched, title))
        self.register_outputs({})

    def _metadata(self, name: str, labels: Mapping[str, str]) -> ObjectMetaArgs:
        return ObjectMetaArgs(
            name=name,
            namespace=self._args.watched.namespace,
            labels={"app.kubernetes.io/part-of": "quorate", **labels},
        )

    def _object(self, kind: str, name: str, spec: Mapping[str, object]) -> None:
        CustomResource(
            f"{self._name}-{kind.lower()}-{name}",
            api_version=_API,
            kind=kind,
            metadata=self._metadata(name, self._args.config.labels),
            spec=spec,
            opts=self._child,
        )

    def _dashboard(self, text: str) -> core.v1.ConfigMap:
        label, value = DASHBOARD_LABEL
        metadata = self._metadata("dashboard", {label: value})
        file = f"quorate-{self._args.watched.namespace}.json"
        return frozen_config(f"{self._name}-dashboard", metadata, {file: text}, self._child)


def _of_fleets() -> Mapping[str, object]:
    return {
        "selector": {"matchExpressions": [{"key": FLEET_LABEL, "operator": "Exists"}]},
        "podMetricsEndpoints": [{"port": "health", "path": METRICS_PATH, "interval": _EVERY}],
    }


def _of_brokers(labels: Mapping[str, str]) -> Mapping[str, object]:
    return {
        "selector": {"matchLabels": dict(labels)},
        "podMetricsEndpoints": [
            {"portNumber": BROKER_METRICS_PORT, "path": METRICS_PATH, "interval": _EVERY}
        ],
    }
