"""What a fault may ask of a target, whichever it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, Protocol

from blueprint.outputs import StackOutputs
from chaos.leases import Place, WayBack

Say = Callable[[str], None]


class TargetError(Exception):
    """The target did not do what it was told."""


class Ability(StrEnum):
    """What a target can do, in the words in which it is refused."""

    ZONE_CUT = "cut a zone off"
    NODES = "kill and start nodes"
    LINKS = "stall and slow links"
    DISKS = "empty the disks of brokers"
    OUTBOX = "have a database and publish its outbox"


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect, measured from outside: it bit when the two numbers agree within 20 %."""

    effect: str
    unit: str
    expected: float
    measured: float


def links_of_zone(outputs: StackOutputs, zone: str, *planes: str) -> list[str]:
    """The links that begin or end in a zone, of these planes, or of all."""
    zone_of = {node.id: node.zone for node in outputs.nodes}
    return [
        link.name
        for link in outputs.links
        if zone in (link.source_zone, zone_of[link.node_id])
        and (not planes or link.plane.value in planes)
    ]


class ZoneCut(Protocol):
    """One zone to be cut off from the others without a word. Bound to it, nothing happens yet."""

    def undo(self) -> Sequence[WayBack]:
        """What undoes it, whole or half done; known before ``make``."""

    def make(self) -> None:
        """Cut: connections stay open and nothing comes through any more."""

    def effects(self) -> Sequence[Effect]:
        """Measure from outside how much of it took effect."""

    def mend(self) -> Sequence[str]:
        """Undo it, whole or half done; returns what the history should know."""


class Outbox(Protocol):
    """A database with an outbox, and the connector that publishes it. Calls may be repeated."""

    @property
    def dsn(self) -> str:
        """How libpq comes to the database, which runs."""

    def start(self) -> None:
        """Start the connector unless it runs, and wait until what is committed flows."""

    def kill(self) -> None:
        """SIGKILL of whatever publishes."""

    def publishing(self) -> int:
        """How many processes publish."""

    def reading(self) -> int:
        """How many of the database's slots somebody reads from."""

    def down(self, logs: Path) -> None:
        """End all of it; what its processes printed is kept in a folder."""


class Target(Protocol):
    """A cluster that can be disturbed. Every call is bounded in time and may be repeated."""

    @property
    def outputs(self) -> StackOutputs:
        """What the target says of itself."""

    @property
    def place(self) -> Place:
        """What it is called in leases and messages."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do; a fault that needs more is refused before anything starts."""

    def permit_cut(self, zones: Sequence[str]) -> None:
        """Make sure that each of these zones may be cut off; changes nothing.

        Raises:
            BadInput: Every reason why not.
        """

    def zone_cut(self, zone: str, mark: str) -> ZoneCut:
        """One zone to be cut off; ``mark`` is unique to the step of the run.

        Raises:
            TargetError: It may not be cut off; nothing was changed.
        """

    def kill(self, node_ids: Sequence[int]) -> None:
        """SIGKILL nodes, all at one moment."""

    def start(self, node_ids: Sequence[int]) -> None:
        """Start those that do not run and wait until they listen."""

    def empty_disks(self, broker_ids: Sequence[int]) -> int:
        """Delete every replica of brokers that do not run; returns how many there were."""

    def replicas_on_disk(self, broker_ids: Sequence[int]) -> int:
        """How many replicas brokers have on their disks."""

    def stall(self, links: Sequence[str]) -> None:
        """Hold back all data of links, both directions; connections stay open."""

    def slow(self, links: Sequence[str], latency_ms: float, jitter_ms: float) -> None:
        """Let the round trip over links grow by ``latency_ms``, half of it in each direction."""

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Leave links as they were made; returns what had to be done beyond that."""

    def probe_s(self, links: Sequence[str], timeout_s: float) -> dict[str, float | None]:
        """The round trip over each link as a client sees it; None when nothing came back."""

    def outbox(self, name: str) -> Outbox:
        """A database of that name, started, and its connector, which is not."""


class Untouchable:
    """What a target inherits to refuse whatever it does not do itself."""

    abilities: frozenset[Ability] = frozenset()

    def permit_cut(self, zones: Sequence[str]) -> None:
        """Refuse."""
        self._cannot(Ability.ZONE_CUT)

    def zone_cut(self, zone: str, mark: str) -> ZoneCut:
        """Refuse."""
        self._cannot(Ability.ZONE_CUT)

    def kill(self, node_ids: Sequence[int]) -> None:
        """Refuse."""
        self._cannot(Ability.NODES)

    def start(self, node_ids: Sequence[int]) -> None:
        """Refuse."""
        self._cannot(Ability.NODES)

    def empty_disks(self, broker_ids: Sequence[int]) -> int:
        """Refuse."""
        self._cannot(Ability.DISKS)

    def replicas_on_disk(self, broker_ids: Sequence[int]) -> int:
        """Refuse."""
        self._cannot(Ability.DISKS)

    def stall(self, links: Sequence[str]) -> None:
        """Refuse."""
        self._cannot(Ability.LINKS)

    def slow(self, links: Sequence[str], latency_ms: float, jitter_ms: float) -> None:
        """Refuse."""
        self._cannot(Ability.LINKS)

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Refuse."""
        self._cannot(Ability.LINKS)

    def probe_s(self, links: Sequence[str], timeout_s: float) -> dict[str, float | None]:
        """Refuse."""
        self._cannot(Ability.LINKS)

    def outbox(self, name: str) -> Outbox:
        """Refuse."""
        self._cannot(Ability.OUTBOX)

    def _cannot(self, ability: Ability) -> NoReturn:
        raise TargetError(f"this target cannot {ability}")
