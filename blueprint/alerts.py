"""Alert rules as data: what is worth waking somebody for, in Prometheus' own words.

Every expression is about one namespace, and about a group, a producer or the cluster as a whole:
several instances that say the same of a partition count once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from blueprint.fleet_options import (
    CRITICAL_LAG_RECORDS,
    EMERGENCY_LAG_RECORDS,
    WARNING_LAG_RECORDS,
)

#: Rule 5. The last level is what is above its number, the others begin with theirs.
#: A fleet that keeps up with less than this much of what arrives falls behind by it every day.
DEFICIT_PART = 0.04
#: A backlog that takes longer to drain than this is not being drained.
LONGEST_DRAIN_S = 3600
#: Of the limit beyond which a replication slot is given up.
SLOT_PART = 0.5
_DAY_S = 86_400
GROUP = "quorate"


class Severity(StrEnum):
    """How soon somebody is to look."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule.

    Attributes:
        expr: PromQL; what it returns is worth an alert each.
        lasts: How long it must have held, as Prometheus writes durations.
        summary: What is, as a template of Prometheus'.
        action: What to do.
    """

    name: str
    expr: str
    lasts: str
    severity: Severity
    summary: str
    action: str

    def to_rule(self) -> dict[str, object]:
        """As a PrometheusRule holds it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity.value},
            "annotations": {"summary": self.summary, "description": self.action},
        }


@dataclass(frozen=True, slots=True)
class Watched:
    """What a stack has that can be watched.

    Attributes:
        namespace: Of what is watched.
        brokers: Whether the brokers' own metrics are there.
        game_day_within_d: A successful game day is due within so many days; None: there are none.
    """

    namespace: str
    brokers: bool
    game_day_within_d: int | None = None


def alerts(watched: Watched) -> tuple[Alert, ...]:
    """Every rule of a stack."""
    found = [*_lag(watched), *_fleet(watched), *_producer(watched), *_cdc(watched)]
    if watched.brokers:
        found += _brokers(watched)
    if watched.game_day_within_d is not None:
        found.append(_game_day(watched, watched.game_day_within_d))
    return tuple(found)


def rule_groups(watched: Watched) -> dict[str, object]:
    """The rules as Prometheus and a PrometheusRule take them."""
    return {"groups": [{"name": GROUP, "rules": [one.to_rule() for one in alerts(watched)]}]}


def lag_of_group(namespace: str) -> str:
    """PromQL: the records that each group is behind, every partition once."""
    within = _in(namespace)
    each = f"max by (namespace, group, topic, partition) (quorate_fleet_lag_records{within})"
    return f"sum by (namespace, group) ({each})"


def _in(namespace: str, more: Mapping[str, str] | None = None) -> str:
    labels = {"namespace": namespace, **(more or {})}
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _lag(watched: Watched) -> Iterator[Alert]:
    lag, within = lag_of_group(watched.namespace), _in(watched.namespace)
    warning, critical = WARNING_LAG_RECORDS, CRITICAL_LAG_RECORDS
    emergency = EMERGENCY_LAG_RECORDS
    said = "{{ $labels.group }} is {{ $value | humanize }} records behind"
    yield Alert(
        "FleetLagWarning",
        f"({lag} >= {warning}) < {critical}",
        "1m",
        Severity.WARNING,
        said,
        "prepare to scale: see quorate_fleet_instances_wanted",
    )
    yield Alert(
        "FleetLagCritical",
        f"({lag} >= {critical}) <= {emergency}",
        "1m",
        Severity.CRITICAL,
        said,
        "scale now, to quorate_fleet_instances_wanted",
    )
    yield Alert(
        "FleetLagEmergency",
        f"{lag} > {emergency}",
        "0m",
        Severity.CRITICAL,
        said,
        "let it catch up on the essential alone, and scale",
    )
    deficit = f"max by (namespace, group) (quorate_fleet_lag_deficit_ratio{within})"
    level = f"max by (namespace, group) (quorate_fleet_lag_level{within})"
    yield Alert(
        "FleetDeficit",
        f"{deficit} >= {DEFICIT_PART} and {level} == 0",
        "5m",
        Severity.WARNING,
        "{{ $labels.group }} falls behind by {{ $value | humanizePercentage }} of what arrives",
        "scale while the lag is normal still: see quorate_fleet_instances_wanted",
    )
    falls = f"clamp_min(-deriv(({lag})[10m:1m]), 0.001)"
    yield Alert(
        "FleetDrainsTooSlowly",
        f"({lag} >= {warning}) / {falls} > {LONGEST_DRAIN_S}",
        "10m",
        Severity.CRITICAL,
        "{{ $labels.group }} will not have caught up within an hour",
        "its lag grows, stands, or falls too slowly: scale, or look for what holds it up",
    )


def _fleet(watched: Watched) -> Iterator[Alert]:
    within = _in(watched.namespace)
    yield Alert(
        "FleetPoisoned",
        f"sum by (namespace, group) (increase(quorate_fleet_poisoned_total{within}[15m])) > 0",
        "0m",
        Severity.WARNING,
        "{{ $labels.group }} wrote {{ $value | humanize }} dead letters in 15 minutes",
        "read their headers quorate-dead-error and -text, mend, and send them again",
    )
    yield Alert(
        "FleetStalled",
        f"sum by (namespace, group) (quorate_fleet_stalled_partitions{within}) > 0",
        "1m",
        Severity.CRITICAL,
        "{{ $labels.group }}: {{ $value }} partitions have work and do not move",
        "the signals `stalled` say which offset; a key that is retried for ever holds it up",
    )
    yield Alert(
        "FleetHung",
        f"sum by (namespace, group) (quorate_fleet_hanging{within}) > 0",
        "1m",
        Severity.CRITICAL,
        "{{ $labels.group }}: {{ $value }} handlers have been at one record for too long",
        "the signals `hung` say which record; a call without a time-out is the usual reason",
    )


def _producer(watched: Watched) -> Iterator[Alert]:
    within = _in(watched.namespace)
    yield Alert(
        "ProducerBufferFull",
        f"max by (namespace, producer) (quorate_producer_full{within}) > 0",
        "1m",
        Severity.WARNING,
        "the buffer of {{ $labels.producer }} has been full for a minute",
        "brokers answer too slowly, or less than is written was planned for",
    )
    losses = " + ".join(
        f"increase(quorate_producer_{what}_records_total{within}[15m])"
        for what in ("failed", "unknown")
    )
    yield Alert(
        "ProducerNotAcknowledged",
        f"sum by (namespace, producer) ({losses}) > 0",
        "0m",
        Severity.CRITICAL,
        "{{ $labels.producer }}: {{ $value | humanize }} records were not acknowledged",
        "they are not in the log, or may not be: send them again, the effects are once",
    )


def _cdc(watched: Watched) -> Iterator[Alert]:
    within = _in(watched.namespace)
    held = f"max by (namespace, slot) (quorate_cdc_slot_held_bytes{within})"
    limit = f"max by (namespace, slot) (quorate_cdc_slot_limit_bytes{within})"
    yield Alert(
        "ReplicationSlotGrows",
        f"{held} / {limit} > {SLOT_PART}",
        "1m",
        Severity.CRITICAL,
        "slot {{ $labels.slot }} holds back {{ $value | humanizePercentage }} of what it may",
        "start its connector again: at its limit the slot is given up",
    )


def _brokers(watched: Watched) -> Iterator[Alert]:
    within = _in(watched.namespace)
    manager = "kafka_server_replicamanager"
    yield Alert(
        "KafkaOfflinePartitions",
        f"max by (namespace) (kafka_controller_kafkacontroller_offlinepartitionscount{within}) > 0",
        "0m",
        Severity.CRITICAL,
        "{{ $value }} partitions have no leader: they take nothing and give nothing",
        "bring back the brokers that had them; no election may be forced, it would lose records",
    )
    yield Alert(
        "KafkaUnderMinIsr",
        f"sum by (namespace) ({manager}_underminisrpartitioncount{within}) > 0",
        "0m",
        Severity.CRITICAL,
        "{{ $value }} partitions take no records: too few replicas are in sync",
        "bring back a second zone",
    )
    yield Alert(
        "KafkaUnderReplicated",
        f"sum by (namespace) ({manager}_underreplicatedpartitions{within}) > 0",
        "5m",
        Severity.WARNING,
        "{{ $value }} partitions are on fewer zones than they should be",
        "a broker or a zone is gone, or a replica does not keep up",
    )


def _game_day(watched: Watched, days: int) -> Alert:
    within = _in(watched.namespace, {"cronjob": "game-day"})
    succeeded = f"kube_cronjob_status_last_successful_time{within}"
    made = f"kube_cronjob_created{within}"
    return Alert(
        "NoGameDay",
        f"(time() - {succeeded} > {days * _DAY_S}) "
        f"or (time() - {made} > {days * _DAY_S} unless on (namespace, cronjob) {succeeded})",
        "1h",
        Severity.WARNING,
        f"no game day has succeeded for {days} days",
        "look at the last run's page: what was proved then may hold no more",
    )
