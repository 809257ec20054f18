"""The views of what a stack stands on: hosts, volumes, ways in, and who watches it."""

from dataclasses import dataclass

from policies.said import Said, Settings


@dataclass(frozen=True)
class HostSettings:
    """What a host of Kafka's is told.

    Attributes:
        role: Of its node.
        kernel: By the kernel's own names; None where this resource does not say it.
        open_files: Of the service.
        mount: How the data volume is mounted.
    """

    urn: str
    role: Said
    kernel: Settings | None = None
    open_files: Said | None = None
    mount: Said | None = None


@dataclass(frozen=True)
class Machine:
    """A machine, or what machines are made by.

    Attributes:
        role: Of the node of Kafka that it is; empty where it is none.
        type: As its maker calls it.
        token: Whether its metadata are given to whoever asks.
        reads: Names of parameters with the settings of Kafka that it fetches.
    """

    urn: str
    role: str
    type: Said
    token: Said
    reads: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Volume:
    """A volume, or what volumes are made by."""

    urn: str
    encrypted: Said


@dataclass(frozen=True)
class Network:
    """A way into the stack from outside.

    Attributes:
        source: From where: a network's address, or how something is laid open.
        closed_at: The values of ``source`` with which nobody comes in; None of an address.
        default: What it means to say nothing.
    """

    urn: str
    source: Said
    closed_at: frozenset[str] | None = None
    default: str = ""


@dataclass(frozen=True)
class AlertRule:
    """When somebody is told: PromQL."""

    urn: str
    expression: Said


@dataclass(frozen=True)
class GameDay:
    """A run of the chaos suite on a schedule."""

    urn: str
    experiment: Said
    schedule: Said
    suspended: Said


@dataclass(frozen=True)
class Aim:
    """What a stack is to reach, where one of its own components says so.

    Attributes:
        failover_target_s: Within this writing goes on when a zone is lost.
        planned_events_per_s: Its peak after growth.
    """

    urn: str
    failover_target_s: Said
    planned_events_per_s: Said
