"""What a fault is: a small class in one file that injects, measures its effect, and heals."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from blueprint.failover_budget import Loss
from blueprint.outputs import StackOutputs
from blueprint.topology import Role
from chaos.leases import WayBack
from chaos.targets.target import Ability, Outbox, Target, ZoneCut, links_of_zone

# What a fault says of itself is in the words of the target: one noun under one name.
from chaos.targets.target import Effect as Effect


class Members(Protocol):
    """The consumer group's processes, as a fault may change them."""

    def join(self, zone: str) -> str:
        """Start one more member; returns its name."""

    def leave(self, zone: str) -> str:
        """Let one member of a zone leave in order; returns its name."""

    def kill(self, zone: str) -> str:
        """SIGKILL one member of a zone; returns its name."""

    def names(self) -> Sequence[str]:
        """Of the members, the oldest first."""

    def zones(self) -> Sequence[str]:
        """The zone of each member, the oldest first."""

    def disband(self) -> None:
        """Let all members leave in order, at once."""

    def replace(self, name: str) -> bool:
        """Let a successor take a member's place; returns whether it did, in order and in time."""

    def group_size(self) -> int:
        """How many members the group's coordinator counts now."""

    def await_group_size(self, size: int, timeout_s: float) -> int:
        """Wait until the coordinator counts so many; returns what it counts at the end."""

    def handed_over(self) -> int:
        """How often partitions were assigned to or taken from members so far."""


class Intruder(Protocol):
    """Someone who reads beside the group, with a quota of his own or with none."""

    @property
    def quota_bytes_per_s(self) -> int | None:
        """What he may fetch of each broker; None: all he can."""

    @property
    def read_bytes(self) -> int:
        """What he has read so far."""

    @property
    def throttled(self) -> bool:
        """Whether a broker has held him back."""

    def start(self, zone: str) -> None:
        """Let him begin, in a zone."""

    def end(self) -> None:
        """End him, if he has begun; nothing of him is left."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault happens.

    Attributes:
        mark: Unique to this step of this run; what is made for it on a cloud carries it.
        outbox: Where the records come from; None: from producers.
        intruder: Who may read beside the group.
    """

    target: Target
    topic: str
    zone: str
    members: Members
    mark: str
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    outbox: Outbox | None = None
    intruder: Intruder | None = None

    @property
    def outputs(self) -> StackOutputs:
        """The target's outputs."""
        return self.target.outputs

    def nodes_in_zone(self) -> list[int]:
        """The node ids of the zone."""
        return [node.id for node in self.outputs.nodes if node.zone == self.zone]

    def brokers_in_zone(self) -> list[int]:
        """The ids of the zone's brokers."""
        return [n.id for n in self.outputs.nodes if (n.zone, n.role) == (self.zone, Role.BROKER)]

    def links_of_zone(self, *planes: str) -> list[str]:
        """The links that begin or end in the zone, of these planes, or of all."""
        return links_of_zone(self.outputs, self.zone, *planes)

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Heal links of the target; returns what had to be done beyond that."""
        return self.target.heal_links(links)

    def zone_cut(self) -> ZoneCut:
        """The zone, to be cut off.

        Raises:
            TargetError: It may not be; nothing was changed.
        """
        return self.target.zone_cut(self.zone, self.mark)


class Fault(ABC):
    """One fault of one step. ``inject`` and ``heal`` may be cut short at any point.

    Attributes:
        name: Its name in experiments.
        says: In one sentence, what a user would see.
        loss: What the failover budget takes it for.
        needs: What the target must be able to do.
        strikes_zone: Whether the zone's own clients are excused while it lasts.
        needs_latency: Whether it needs ``latency_ms``.
        zones: How many zones it strikes at once: one, or all of them.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    loss: ClassVar[Loss]
    needs: ClassVar[frozenset[Ability]] = frozenset()
    strikes_zone: ClassVar[bool] = True
    needs_latency: ClassVar[bool] = False
    zones: ClassVar[int] = 1

    def __init__(self, scene: Scene) -> None:
        """Bind to a scene; nothing happens."""
        self._scene = scene

    def undo(self) -> Sequence[WayBack]:
        """What undoes it, written to the lease before ``inject``; nothing by default."""
        return ()

    @abstractmethod
    def inject(self) -> None:
        """Do it."""

    @abstractmethod
    def effects(self) -> Sequence[Effect]:
        """Measure what it did, while it is active."""

    def heal(self) -> Sequence[str]:
        """Undo it; returns what had to be done beyond that, for the history."""
        return ()
