"""The views of a cluster: nodes, their settings, topics, and who may take how much."""

from dataclasses import dataclass

from policies.resource import Unknown
from policies.said import Said, Settings


@dataclass(frozen=True)
class Listener:
    """Where a node of Kafka is asked.

    Attributes:
        secured: Whether it speaks TLS: of Kafka's own protocols the name, of Strimzi's a flag.
        form: How Strimzi lets it be reached; absent elsewhere.
    """

    urn: str
    secured: Said
    form: Said


@dataclass(frozen=True)
class KafkaSettings:
    """The settings of one node of Kafka, or of all nodes of a cluster alike.

    Attributes:
        urn: Of what holds them.
        node: Its name, or empty where they are of all.
        roles: ``broker``, ``controller`` or both; UNKNOWN before it is known.
        settings: By Kafka's own names, as they are in force.
        rack: What tells a broker its zone.
        listeners: Where it is asked; UNKNOWN before it is known.
        here: On this machine alone: nobody else reaches it, and it is nobody's production.
        authorization: How the operator has rights asked for; None where the settings say it.
        disruption: Most nodes of a cluster that may be taken away at once; None where no
            orchestrator takes any.
    """

    urn: str
    node: str
    roles: frozenset[str] | Unknown
    settings: Settings
    rack: Said
    listeners: tuple[Listener, ...] | Unknown = ()
    here: bool = False
    authorization: Said | None = None
    disruption: Said | None = None

    def serves_as(self, role: str) -> bool:
        """Whether a node of this role has them; what is unknown is not judged."""
        return not isinstance(self.roles, Unknown) and role in self.roles


@dataclass(frozen=True)
class Place:
    """Where nodes of Kafka stand.

    Attributes:
        cluster: Told apart by it where a stack has several.
        roles: Of each of them.
        zone: Of all of them.
        count: How many; one where nothing is said.
        kept: Whether their records stay when they go; None where they are not the nodes' to lose.
    """

    urn: str
    cluster: Said
    node: str
    roles: frozenset[str] | Unknown
    zone: Said
    count: Said
    kept: tuple[Said, ...] = ()


@dataclass(frozen=True)
class TopicSettings:
    """One topic.

    Attributes:
        settings: By Kafka's own names.
        guarded: Whether its own resource refuses to shrink it; else a promise beside it must.
    """

    urn: str
    name: Said
    partitions: Said
    replicas: Said
    settings: Settings
    guarded: bool


@dataclass(frozen=True)
class TopicPromise:
    """Refuses every change of a topic that would lose records."""

    urn: str
    name: Said
    partitions: Said


@dataclass(frozen=True)
class Quota:
    """What one principal may take of each broker, by Kafka's own names."""

    urn: str
    user: Said
    settings: Settings


@dataclass(frozen=True)
class Principal:
    """Somebody who connects."""

    urn: str
    name: Said
