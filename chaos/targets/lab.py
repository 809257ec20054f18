"""The lab as a target. The one file of this room that knows it."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException

from blueprint.connector import MadeTopics, WorkerMode
from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from chaos.budget import profile_of
from chaos.experiment.model import LabSettings
from chaos.leases import Place, Undo
from chaos.targets.target import Ability, Effect, Say, TargetError, links_of_zone
from lab.cluster import Lab, tear_down
from lab.config import LabConfig, parse
from lab.connect import Connect
from lab.postgres import Postgres, free_port
from lab.postgres import tear_down as tear_down_database
from lab.problem import LabError
from lab.state import state_of
from lab.tools.cache import root
from lab.toxiproxy import LinkError

#: Long against a round trip here (milliseconds), short against a fault.
PROBE_TIMEOUT_S = 1.0
_ASK_S = 10.0


def state_root() -> Path:
    """Where leases are kept: beside everything else of this user."""
    return root()


class LabTarget:
    """One running lab."""

    abilities = frozenset(Ability)

    def __init__(self, lab: Lab) -> None:
        """Take a running lab."""
        self._lab = lab
        self.outputs: StackOutputs = lab.outputs
        self.place = place_of(lab.plan.config.name)

    @classmethod
    def boot(cls, name: str, settings: LabSettings, say: Say) -> "LabTarget":
        """Start a lab of that name.

        Raises:
            BadInput: The settings contradict each other.
            TargetError: The machine stands in the way.
        """
        with _translated():
            return cls(Lab.up(config_of(name, settings), say))

    @classmethod
    def attach(cls, name: str) -> "LabTarget":
        """Find a lab that runs.

        Raises:
            BadInput: There is none of that name.
            TargetError: It was never ready.
        """
        with _translated():
            return cls(Lab.open(name))

    @classmethod
    def of(cls, outputs: StackOutputs) -> "LabTarget":
        """The running lab that outputs describe.

        Raises:
            BadInput: It is not one that runs here, or its stack allows no chaos.
            TargetError: It was never ready.
        """
        assert outputs.lab is not None
        if not outputs.lab.chaos:
            remedy = "allow it in the stack's settings, `quorate:chaos: true`, and run `pulumi up`"
            raise BadInput([Problem("outputs.lab.chaos", "false", "true", remedy)])
        found = cls.attach(outputs.lab.name)
        if found.outputs.cluster_id != outputs.cluster_id:
            raise BadInput(
                [
                    Problem(
                        "outputs.cluster_id",
                        repr(outputs.cluster_id),
                        repr(found.outputs.cluster_id),
                        f"these outputs are of an earlier lab {outputs.lab.name!r}; print them "
                        f"again with `python -m lab outputs --name {outputs.lab.name}`",
                    )
                ]
            )
        return found

    def permit_cut(self, zones: Sequence[str]) -> None:
        """Every zone of a lab may be cut off: it is there for that."""

    def zone_cut(self, zone: str, mark: str) -> "LinkCut":
        """Every link in and out of the zone."""
        return LinkCut(self, links_of_zone(self.outputs, zone))

    def kill(self, node_ids: Sequence[int]) -> None:
        """SIGKILL nodes, all at one moment."""
        with _translated():
            self._lab.kill(*node_ids)

    def start(self, node_ids: Sequence[int]) -> None:
        """Start those that do not run and wait until they listen."""
        with _translated():
            self._lab.start(*node_ids)

    def empty_disks(self, broker_ids: Sequence[int]) -> int:
        """Delete every replica of brokers that do not run; returns how many there were."""
        with _translated():
            return sum(self._lab.empty_disk(one) for one in broker_ids)

    def replicas_on_disk(self, broker_ids: Sequence[int]) -> int:
        """How many replicas brokers have on their disks."""
        return sum(len(self._lab.replicas_on_disk(one)) for one in broker_ids)

    def stall(self, links: Sequence[str]) -> None:
        """Hold back all data of links, both directions; connections stay open."""
        with _translated():
            self._lab.on_links(links, lambda link: link.stall())

    def slow(self, links: Sequence[str], latency_ms: float, jitter_ms: float) -> None:
        """Let the round trip over links grow by ``latency_ms``."""
        with _translated():
            self._lab.on_links(links, lambda link: link.latency(latency_ms, jitter_ms))

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Leave links as they were made."""
        with _translated():
            restarted = self._lab.heal_links(links)
        return [f"the frozen link server of zone {zone} was restarted" for zone in restarted]

    def probe_s(self, links: Sequence[str], timeout_s: float) -> dict[str, float | None]:
        """The round trip over each link, all asked at one moment."""
        with _translated(), ThreadPoolExecutor(max(1, len(links))) as pool:
            handles = [self._lab.link(name) for name in links]
            found = pool.map(lambda handle: handle.probe(timeout_s), handles)
            return dict(zip(links, found, strict=True))

    def outbox(self, name: str) -> "LabOutbox":
        """A database of that name beside the lab, and an exactly-once Connect for it."""
        with _translated():
            database = Postgres.up(name)
            servers = next(iter(self.outputs.bootstrap_servers.values()))
            profile = profile_of(self.outputs)
            mode, topics, slot = WorkerMode.DISTRIBUTED, MadeTopics(), _slot(name)
            folder, port = database.folder, free_port()
            made = Connect(folder, database, servers, mode, port, profile, topics, slot)
        return LabOutbox(self._lab, made)


class LabOutbox:
    """A PostgreSQL and a Connect of this machine: an :class:`~chaos.targets.target.Outbox`."""

    def __init__(self, lab: Lab, connect: Connect) -> None:
        """Take both, and the lab that Connect keeps its own topics on."""
        self._lab, self._connect = lab, connect
        self.dsn = connect.database.dsn

    def start(self) -> None:
        """Start the connector unless it runs, and wait until what is committed flows."""
        if self._lab.outputs.security is not None:
            raise TargetError("Connect of a lab knows no credentials: take a lab without security")
        with _translated():
            self._connect.start()

    def kill(self) -> None:
        """SIGKILL of Connect's worker."""
        with _translated():
            self._connect.kill()

    def publishing(self) -> int:
        """Whether there is a worker."""
        return int(self._connect.pid() is not None)

    def reading(self) -> int:
        """Whether anybody reads from the connector's slot."""
        asked = "select count(*) from pg_replication_slots where slot_name = %s and active"
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(asked, (self._connect.slot,)).fetchone()
        return int(found[0]) if found else 0

    def down(self, logs: Path) -> None:
        """End both, keep their logs and nothing else."""
        with suppress(OSError, shutil.Error):
            shutil.copytree(self._connect.log.parent, logs, dirs_exist_ok=True)
        with _translated():
            self._connect.down()
            self._connect.database.down()
        self._drop_topics()

    def _drop_topics(self) -> None:
        """Connect's own: nobody starts it under this slot again."""
        with suppress(KafkaException, TimeoutError):
            admin = self._lab.admin()
            own = [t for t in admin.list_topics(timeout=_ASK_S).topics if self._connect.slot in t]
            for gone in admin.delete_topics(own).values() if own else ():
                gone.result(_ASK_S)


class LinkCut:
    """One zone of a lab behind links that stall: a :class:`~chaos.targets.target.ZoneCut`."""

    def __init__(self, target: LabTarget, links: Sequence[str]) -> None:
        """Bind to links; nothing happens."""
        self._target = target
        self._links = tuple(links)

    def undo(self) -> tuple[Undo, ...]:
        """Heal the links."""
        return (Undo(action="heal-links", names=self._links),)

    def make(self) -> None:
        """Stall them."""
        self._target.stall(self._links)

    def effects(self) -> tuple[Effect, ...]:
        """Ask a question through each link; one that works answers in milliseconds."""
        found = self._target.probe_s(self._links, PROBE_TIMEOUT_S)
        silent = sum(time_s is None for time_s in found.values())
        return (Effect("links that answer nothing", "links", len(self._links), silent),)

    def mend(self) -> Sequence[str]:
        """Let everything through again."""
        return self._target.heal_links(self._links)


def place_of(name: str) -> Place:
    """What a lab of that name is called in leases and messages."""
    return Place(target="lab", name=name)


def _slot(name: str) -> str:
    """Of one database; names of slots and of Connect's topics have underscores alone."""
    return name.replace("-", "_")


def config_of(name: str, settings: LabSettings) -> LabConfig:
    """The lab's own config of an experiment's lab.

    Raises:
        BadInput: The lab would refuse it.
    """
    return parse({"name": name, **settings.model_dump()}, "lab")


def keep_logs(name: str, folder: Path) -> None:
    """Copy what a lab's processes printed, before the lab goes down with it."""
    with suppress(OSError, shutil.Error):
        shutil.copytree(state_of(name).logs, folder, dirs_exist_ok=True)


def take_down(name: str) -> bool:
    """End a lab of that name, whole or half dead.

    Raises:
        TargetError: A process outlived SIGKILL.
    """
    with _translated():
        return tear_down(name)


def take_down_outbox(name: str) -> bool:
    """End a database of that name and its connector, whole or half dead.

    Raises:
        TargetError: A process outlived SIGKILL.
    """
    with _translated():
        return tear_down_database(name)


def undo_on_lab(name: str, undo: Undo) -> list[str]:
    """Go one way back on a lab; says what was done, nothing where nothing of it is left.

    Raises:
        TargetError: It could not be undone.
    """
    if undo.action == "outbox-down":
        gone = [one for one in undo.names if take_down_outbox(one)]
        return [f"database {one} and its connector are down" for one in gone]
    if undo.action == "lab-down":
        return [f"lab {name} is down"] if take_down(name) else []
    try:
        target = LabTarget.attach(name)
    except (BadInput, TargetError):
        # The lab went down in the meantime: nothing of it is left to heal.
        return []
    if undo.action == "heal-links":
        target.heal_links(undo.names)
        return [f"{len(undo.names)} links of lab {name} are healed"]
    target.start([int(node) for node in undo.names])
    return [f"nodes {', '.join(undo.names)} of lab {name} run"]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (LabError, LinkError) as error:
        raise TargetError(str(error)) from None
