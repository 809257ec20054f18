"""What rules look at: the settings of a stack in one form, whatever resource they come from."""

from dataclasses import dataclass

from policies.reading import Unreadable
from policies.resource import Unknown
from policies.said import Said, Settings


@dataclass(frozen=True)
class KafkaSettings:
    """The settings of one node of Kafka, or of all nodes of a cluster alike.

    Attributes:
        urn: Of what holds them.
        roles: ``broker``, ``controller`` or both; UNKNOWN before it is known.
        settings: By Kafka's own names, as they are in force.
        rack: What tells a broker its zone.
        here: On this machine alone: nobody else reaches it, and it is nobody's production.
    """

    urn: str
    roles: frozenset[str] | Unknown
    settings: Settings
    rack: Said
    here: bool = False

    def serves_as(self, role: str) -> bool:
        """Whether a node of this role has them; what is unknown is not judged."""
        return not isinstance(self.roles, Unknown) and role in self.roles


@dataclass(frozen=True)
class TopicSettings:
    """One topic.

    Attributes:
        settings: By Kafka's own names.
    """

    urn: str
    name: Said
    partitions: Said
    replicas: Said
    settings: Settings


@dataclass(frozen=True)
class View:
    """The normalised settings of one resource, or of all of a stack.

    Attributes:
        unreadable: What claims to be Kafka's and is not what it should be.
    """

    kafka: tuple[KafkaSettings, ...] = ()
    topics: tuple[TopicSettings, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
