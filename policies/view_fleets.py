"""The views of what reads and writes: fleets, their clients, and how many there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.resource import Unknown
from policies.said import Said, Settings

#: By name; UNKNOWN before anything of them is known.
Labels = Mapping[str, Said] | Unknown


@dataclass(frozen=True)
class ClientSettings:
    """One client of Kafka's, in librdkafka's names.

    Attributes:
        produces: Whether it writes; else it reads.
    """

    urn: str
    produces: bool
    settings: Settings


@dataclass(frozen=True)
class FleetWork:
    """What a fleet is told to do: its settings file.

    Attributes:
        file: The name of the object that holds it.
        group: The consumer group.
        topics: What it reads; UNKNOWN before it is known.
        catch_up: When it does the essential alone; None where that is not configured.
        dedup: Where it remembers what it applied; None where it does not.
        traces: Which records are traced; None where it is not said.
        outbox: How what it writes to a database is published; None where it is not.
    """

    urn: str
    file: Said
    group: Said
    topics: tuple[Said, ...] | Unknown
    catch_up: Settings | None
    dedup: Settings | None
    traces: Settings | None
    outbox: Settings | None


@dataclass(frozen=True)
class Spread:
    """How evenly pods stand over what a label of their nodes says."""

    key: Said
    otherwise: Said


@dataclass(frozen=True)
class Fleet:
    """One fleet as it is deployed.

    Attributes:
        labels: Of its pods.
        environment: Of its container, by name; what comes from elsewhere is UNKNOWN.
        file: The name of the object that holds its settings file.
        memory: The most that an instance may take.
        grace_s: From being told to end until it is killed.
    """

    urn: str
    name: Said
    replicas: Said
    labels: Labels
    environment: Settings
    spread: tuple[Spread, ...] | Unknown
    file: Said
    memory: Said
    grace_s: Said


@dataclass(frozen=True)
class DisruptionBudget:
    """How many pods of a kind may be taken away at once."""

    urn: str
    labels: Labels
    unavailable: Said
    available: Said


@dataclass(frozen=True)
class Scaling:
    """How many instances of a fleet there may be.

    Attributes:
        target: The name of what is scaled.
        most: Instances.
        lags: For each topic the backlog at which one more is started.
        topics: Whose lag it is.
    """

    urn: str
    target: Said
    most: Said
    topics: tuple[Said, ...] | Unknown
    lags: tuple[Said, ...] | Unknown


@dataclass(frozen=True)
class Connector:
    """What publishes a database's changes."""

    urn: str
    kind: Said
