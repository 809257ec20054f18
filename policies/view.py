"""What rules look at: the settings of a stack in one form, whatever resource they come from."""

from dataclasses import dataclass

from policies.said import Said
from policies.view_fleets import (
    ClientSettings,
    Connector,
    DisruptionBudget,
    Fleet,
    FleetWork,
    Scaling,
    Spread,
)
from policies.view_ground import (
    Aim,
    AlertRule,
    GameDay,
    HostSettings,
    Machine,
    Network,
    Volume,
)
from policies.view_kafka import (
    KafkaSettings,
    Listener,
    Place,
    Principal,
    Quota,
    TopicPromise,
    TopicSettings,
)
from policies.violation import Violation

__all__ = [
    "Aim",
    "AlertRule",
    "ClientSettings",
    "Connector",
    "DisruptionBudget",
    "Fleet",
    "FleetWork",
    "GameDay",
    "HostSettings",
    "KafkaSettings",
    "Listener",
    "Machine",
    "Network",
    "Place",
    "Principal",
    "Quota",
    "Scaling",
    "Spread",
    "TopicPromise",
    "TopicSettings",
    "View",
    "Volume",
]


@dataclass(frozen=True)
class View:
    """The normalised settings of one resource, or of all of a stack.

    Attributes:
        kept: What refuses to remove brokers that hold data.
        files: Names of everything in which settings are: parameters and objects.
        unreadable: What claims to be Kafka's and is not what it should be.
    """

    kafka: tuple[KafkaSettings, ...] = ()
    places: tuple[Place, ...] = ()
    topics: tuple[TopicSettings, ...] = ()
    promises: tuple[TopicPromise, ...] = ()
    kept: tuple[str, ...] = ()
    aims: tuple[Aim, ...] = ()
    clients: tuple[ClientSettings, ...] = ()
    works: tuple[FleetWork, ...] = ()
    fleets: tuple[Fleet, ...] = ()
    budgets: tuple[DisruptionBudget, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    hosts: tuple[HostSettings, ...] = ()
    machines: tuple[Machine, ...] = ()
    volumes: tuple[Volume, ...] = ()
    networks: tuple[Network, ...] = ()
    quotas: tuple[Quota, ...] = ()
    principals: tuple[Principal, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
    game_days: tuple[GameDay, ...] = ()
    connectors: tuple[Connector, ...] = ()
    files: tuple[Said, ...] = ()
    unreadable: tuple[Violation, ...] = ()
