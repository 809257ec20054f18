"""What a deployed fleet is given and what it answers to: one description that both sides read.

``components/consumer_fleet.py`` writes it, ``python -m fleet run`` reads it. The handler is not
among it: the image says which one, as the argument of ``run``.
"""

import json
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from blueprint.access import LAG
from blueprint.client_settings import (
    Goal,
    GroupProtocol,
    Setting,
    consumer_settings,
    producer_settings,
)
from blueprint.failover_profile import FailoverProfile
from blueprint.fleet_options import NEVER_CATCHES_UP, CatchUpSettings, DedupRules, TracingSettings
from blueprint.fleets import FleetSpec
from blueprint.problem import validated

#: Where a pod finds what it is to do, and who it is to Kafka.
SETTINGS_FOLDER, SETTINGS_FILE = "/etc/quorate/settings", "settings.json"
IDENTITY_FOLDER = "/etc/quorate/identity"
#: The files of an identity: for SCRAM the first, for mutual TLS the next two, and always the last,
#: which signed the brokers' certificates. Named as Strimzi's user operator names them.
PASSWORD, CERTIFICATE, KEY, AUTHORITY = "password", "user.crt", "user.key", "ca.crt"
#: Where a SQLite that remembers applied events is, on a volume of its own.
DEDUP_FOLDER, DEDUP_FILE = "/var/lib/quorate/dedup", "dedup.sqlite"
#: Health and metrics, over HTTP.
HEALTH_PORT = 8080
LIVE_PATH, READY_PATH, METRICS_PATH = "/live", "/ready", "/metrics"
#: Where health is answered: to nobody else unless a Deployment says so, whose probes come from the
#: node.
LOOPBACK, ANYWHERE = "127.0.0.1", "0.0.0.0"


class Variable(StrEnum):
    """The environment of a deployed instance.

    ``SETTINGS`` names the ``FleetFile``; without it nothing was deployed. ``IDENTITY`` names the
    folder with the proof of who it is, where the cluster asks. ``ZONE`` is the node's zone label
    and may be empty. ``INSTANCE`` is the pod's name: the client's id and no static membership,
    since the name of a Deployment's pod never comes back. ``DEDUP_DATABASE`` is where applied
    events are remembered, ``sqlite:PATH`` or what libpq takes; libpq reads ``DEDUP_PASSWORD``.
    """

    SETTINGS = "QUORATE_SETTINGS"
    IDENTITY = "QUORATE_IDENTITY"
    ZONE = "QUORATE_ZONE"
    INSTANCE = "QUORATE_INSTANCE"
    THREADS = "QUORATE_THREADS"
    DRAIN_DEADLINE_S = "QUORATE_DRAIN_DEADLINE_S"
    DEDUP_DATABASE = "QUORATE_DEDUP_DATABASE"
    DEDUP_PASSWORD = "PGPASSWORD"
    HEALTH_HOST = "QUORATE_HEALTH_HOST"
    HEALTH_PORT = "QUORATE_HEALTH_PORT"


Settings = dict[str, Annotated[str | int | bool, Field(union_mode="smart")]]
_PROTOCOLS = {"range": GroupProtocol.EAGER, "cooperative-sticky": GroupProtocol.COOPERATIVE}


class FleetFile(BaseModel):
    """What ``settings.json`` holds; client settings are in librdkafka's names, without secrets.

    Attributes:
        topics: What the fleet reads.
        consumer: A member's settings.
        dead_letters: The topic of what cannot be handled.
        letters: The settings of who writes them.
        producer: Of a fleet that writes to topics of its own.
        catch_up: When the essential alone is done; never, unless it is said.
        deferred: The topic of what is put off meanwhile; empty where nothing ever is.
        dedup: How applied events are remembered, at ``Variable.DEDUP_DATABASE``; None: they are
            not.
        traces: Which records are traced, and where to; None: nothing is.
        bootstrap_by_zone: In place of the one in the settings, for instances of these zones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    consumer: Settings
    dead_letters: str
    letters: Settings
    producer: Settings | None = None
    catch_up: CatchUpSettings = NEVER_CATCHES_UP
    deferred: str = ""
    dedup: DedupRules | None = None
    traces: TracingSettings | None = None
    bootstrap_by_zone: dict[str, str] = {}

    @property
    def group(self) -> str:
        """The consumer group."""
        return str(self.consumer.get("group.id", ""))

    @property
    def protocol(self) -> GroupProtocol:
        """How the group shares out its partitions."""
        if self.consumer.get("group.protocol") == "consumer":
            return GroupProtocol.CONSUMER
        strategy = str(self.consumer.get("partition.assignment.strategy"))
        return _PROTOCOLS.get(strategy, GroupProtocol.EAGER)

    def to_json(self) -> str:
        """Canonical JSON: the same settings give the same text."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(fields, indent=1, sort_keys=True)


def fleet_file(
    fleet: FleetSpec,
    profile: FailoverProfile,
    bootstrap: str,
    own: dict[str, Setting],
    bootstrap_by_zone: dict[str, str],
) -> FleetFile:
    """A fleet's file.

    Args:
        fleet: Whose.
        profile: The clients' time-outs.
        bootstrap: ``host:port,...`` for an instance of whichever zone.
        own: What its clients add to prove who they are; no secret among it.
        bootstrap_by_zone: In place of ``bootstrap``, by the nodes' zone label.
    """
    writes = producer_settings(profile, bootstrap) | dict(fleet.batching) | own
    return FleetFile(
        topics=fleet.consumes,
        consumer=consumer_settings(profile, bootstrap, fleet.group) | own,
        dead_letters=fleet.dead_letters,
        # Rare records that somebody waits for.
        letters=producer_settings(profile, bootstrap, Goal.LATENCY) | own,
        producer=writes if fleet.produces else None,
        catch_up=fleet.catch_up,
        deferred=fleet.deferred,
        dedup=fleet.dedup.rules if fleet.dedup else None,
        traces=fleet.traces.settings if fleet.traces else None,
        bootstrap_by_zone=bootstrap_by_zone,
    )


def lag_file(
    topics: tuple[str, ...], profile: FailoverProfile, bootstrap: str, own: dict[str, Setting]
) -> FleetFile:
    """The file of who says how far fleets are behind: he reads nothing and writes nothing.

    Args:
        topics: The fleets'.
        profile: The clients' time-outs.
        bootstrap: ``host:port,...`` for an instance of whichever zone.
        own: What its clients add to prove who they are; no secret among it.
    """
    return FleetFile(
        topics=topics,
        consumer=consumer_settings(profile, bootstrap, LAG.name) | own,
        dead_letters="",
        letters={},
    )


def read_fleet_file(text: str, source: str) -> FleetFile:
    """What such a file says.

    Raises:
        BadInput: It is no such file; every problem at once.
    """
    return validated(FleetFile, text, source)
