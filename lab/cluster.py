"""A lab: three zones of controllers, brokers and links, started, disturbed and taken down."""

import shutil
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil
from confluent_kafka.admin import AdminClient

from blueprint.access import suite_accesses
from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from blueprint.topology import Link, Node
from lab import process
from lab.access import grant
from lab.config import DEFAULT_NAME, LabConfig
from lab.equipment import Tools, have_tools
from lab.links import LinkHandle, base_toxics
from lab.plan import LabPlan, known_plan, loaded_plan, new_plan
from lab.problem import LabError
from lab.ready import wait_ready
from lab.state import exclusive, state_of
from lab.storage import FORMATTED
from lab.tools.cache import check_space
from lab.toxiproxy import LinkError, ToxiproxyServer

STOP_TIMEOUT_S = 20.0
LISTEN_TIMEOUT_S = 30.0
_POLL_S = 0.02

#: Told what is being done, for the user's eyes.
Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One process of a lab and whether it runs."""

    name: str
    zone: str
    endpoint: str
    pid: int | None


class Lab:
    """One lab, running or not; every method may be repeated."""

    def __init__(self, plan: LabPlan) -> None:
        """Bind to a lab; nothing is started."""
        self.plan = plan

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """How a link's node is made to prove that it is the one meant; nothing without security."""
        if not self.plan.secured:
            return None
        return ssl.create_default_context(cadata=self.plan.keyring.ca_pem())

    @classmethod
    def up(cls, config: LabConfig, say: Say = silent) -> "Lab":
        """Start a lab, or what is missing of it, and wait until it can be used.

        What a start that fails has begun is ended; its logs stay, and so does what ran before it.

        Raises:
            BadInput: A lab of that name exists with other settings.
            LabError: The machine stands in the way.
        """
        check_space()
        tools = have_tools()
        state = state_of(config.name)
        with exclusive(config.name):
            lab = cls(known_plan(state, config) if state.exists() else new_plan(state, config))
            if not lab.plan.rendered():
                say("formatting the storage")
                lab.plan.render(tools.jvm)
            say("starting three zones")
            before = lab._processes()
            try:
                lab._begin(tools)
            except BaseException as failed:
                process.kill(lab._processes() - before)
                if not isinstance(failed, LabError):
                    raise
                told = f"{failed}; what was begun is ended, its logs are in {state.logs}"
                raise LabError(told) from None
        return lab

    @classmethod
    def open(cls, name: str = DEFAULT_NAME) -> "Lab":
        """Find a lab that was started, by this process or another.

        Raises:
            BadInput: There is none of that name.
        """
        state = state_of(name)
        if not state.exists():
            known = ", ".join(sorted(path.name for path in state.folder.parent.glob("[!.]*")))
            remedy = f"start it with `python -m lab up --name {name}`"
            raise BadInput([Problem("lab", repr(name), known or "none is up", remedy)])
        return cls(loaded_plan(state))

    @property
    def outputs(self) -> StackOutputs:
        """What the chaos suite may know of this lab.

        Raises:
            LabError: The lab was never ready.
        """
        outputs = self.plan.state.read_outputs()
        if outputs is None:
            name = self.plan.config.name
            raise LabError(f"lab {name} was never ready; run `python -m lab up --name {name}`")
        return outputs

    def down(self) -> None:
        """End every process of the lab and remove its folder."""
        tear_down(self.plan.config.name)

    def admin(self) -> AdminClient:
        """A client of the lab's administrator, who may do anything."""
        servers = ",".join(self.plan.addresses.bootstrap(zone) for zone in self.plan.topology.zones)
        own = self.plan.admin_settings()
        return AdminClient({"bootstrap.servers": servers, "log_level": 0, **own})

    def status(self) -> list[NodeStatus]:
        """Every node and link server, whether it runs or not."""
        plan = self.plan
        rows = [
            NodeStatus(node.name, node.zone, str(plan.endpoint(node)), self.pid(node.id))
            for node in plan.topology.nodes
        ]
        for zone in plan.topology.zones:
            found = process.find(str(plan.links_file(zone)))
            api = str(plan.addresses.api(zone))
            rows.append(NodeStatus(f"links-{zone}", zone, api, found.pid if found else None))
        return rows

    def pid(self, node_id: int) -> int | None:
        """The process of a node, or None when it has none."""
        found = process.find(self.plan.node_mark(self.plan.topology.node(node_id)))
        return found.pid if found else None

    def alive(self, node_id: int) -> bool:
        """Whether a node has a process, paused or not."""
        return self.pid(node_id) is not None

    def kill(self, *node_ids: int) -> None:
        """SIGKILL nodes at the same moment and wait until they are gone."""
        process.kill(self._found(node_ids))

    def stop(self, node_id: int, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Shut a node down in order; SIGKILL it when it takes longer than ``timeout_s``."""
        process.terminate(self._found([node_id]), timeout_s)

    def start(self, *node_ids: int) -> None:
        """Start nodes that have no process, and wait until they listen.

        Raises:
            LabError: One ended or did not listen in time.
        """
        tools = have_tools()
        nodes = [self.plan.topology.node(node_id) for node_id in node_ids]
        for node in nodes:
            self._start(node, tools)
        deadline = time.monotonic() + LISTEN_TIMEOUT_S
        for node in nodes:
            self._wait_listening(node, deadline)

    def replicas_on_disk(self, node_id: int) -> list[Path]:
        """The folder of each replica that a node keeps, the metadata's own left out."""
        folder = self.plan.state.data / self.plan.topology.node(node_id).name
        found = folder.glob("*-[0-9]*")
        return sorted(one for one in found if one.is_dir() and not one.name.startswith("__cluster"))

    def empty_disk(self, node_id: int) -> int:
        """Leave a node that does not run as it was when formatted; returns its lost replicas.

        Raises:
            LabError: It runs.
        """
        name = self.plan.topology.node(node_id).name
        if self.alive(node_id):
            raise LabError(f"{name} runs: its disk cannot be emptied")
        lost = len(self.replicas_on_disk(node_id))
        for one in (self.plan.state.data / name).iterdir():
            if one.is_dir():
                shutil.rmtree(one)
            elif one.name != FORMATTED:
                one.unlink()
        return lost

    def pause(self, node_id: int) -> None:
        """Stop a node's process in its tracks (SIGSTOP)."""
        for found in self._found([node_id]):
            process.send(found, signal.SIGSTOP)

    def resume(self, node_id: int) -> None:
        """Let a paused node go on (SIGCONT)."""
        for found in self._found([node_id]):
            process.send(found, signal.SIGCONT)

    def link(self, name: str) -> LinkHandle:
        """A handle on one link.

        Raises:
            BadInput: There is no link of that name.
        """
        links = {link.name: link for link in self.plan.topology.links()}
        if name not in links:
            raise BadInput([Problem("link", repr(name), ", ".join(links))])
        return self._handle(links[name])

    def links(self) -> list[LinkHandle]:
        """A handle on every link."""
        return [self._handle(link) for link in self.plan.topology.links()]

    def on_links(self, names: Iterable[str], act: Callable[[LinkHandle], None]) -> None:
        """Do something to links, the zones side by side: a zone is lost at one moment.

        Raises:
            LinkError: The first failure, after all others were tried.
        """
        by_zone: dict[str, list[LinkHandle]] = {}
        for handle in map(self.link, names):
            by_zone.setdefault(handle.zone, []).append(handle)
        with ThreadPoolExecutor(max(1, len(by_zone))) as pool:
            done = [pool.submit(_each, handles, act) for handles in by_zone.values()]
        for one in done:
            one.result()

    def heal_links(self, names: Iterable[str] | None = None) -> list[str]:
        """Heal links, all by default; return the zones whose frozen server was restarted.

        Raises:
            LinkError: A link is still disturbed after a restart of its server.
        """
        wanted = [handle.name for handle in self.links()] if names is None else list(names)
        failed: list[LinkHandle] = []

        def heal(handle: LinkHandle) -> None:
            # A frozen server takes seconds to say so; one link of it is enough to know.
            if any(handle.zone == other.zone for other in failed):
                failed.append(handle)
                return
            try:
                handle.heal()
            except LinkError:
                failed.append(handle)

        self.on_links(wanted, heal)
        restarted = sorted({handle.zone for handle in failed})
        for zone in restarted:
            self.restart_links(zone)
        for handle in failed:
            handle.heal()
        return restarted

    def restart_links(self, zone: str) -> None:
        """End and start a zone's toxiproxy, which cuts its connections and heals its links."""
        process.kill(process.find_all(str(self.plan.links_file(zone)), exact=True))
        self._start_links(zone, have_tools())
        self._base_latency(zone)

    def _begin(self, tools: Tools) -> None:
        """Start what is missing, and wait until all of it can be used."""
        plan = self.plan
        self._start_all(tools)
        bootstrap, own = plan.addresses.bootstrap(plan.topology.zones[0]), plan.admin_settings()
        due = [broker.id for broker in plan.topology.brokers]

        def start_anew(broker: int) -> None:
            self.kill(broker)
            self._start(plan.topology.node(broker), tools)

        wait_ready(bootstrap, due, self._first_dead, own, start_anew)
        if plan.secured:
            grant(self.admin(), suite_accesses())
        self._base_latency()
        plan.state.write_outputs(plan.outputs())

    def _processes(self) -> set[psutil.Process]:
        return set(process.find_all(process.mark(self.plan.state.folder, "")))

    def _start_all(self, tools: Tools) -> None:
        for zone in self.plan.topology.zones:
            self._start_links(zone, tools)
        # Controllers first: a broker that finds its quorum at once registers without a wait.
        for node in (*self.plan.topology.controllers, *self.plan.topology.brokers):
            self._start(node, tools)

    def _start_links(self, zone: str, tools: Tools) -> None:
        plan = self.plan
        links = plan.links_file(zone)
        if process.find(str(links)) is None:
            api = plan.addresses.api(zone)
            command = [str(tools.toxiproxy), "-host", api.host, "-port", str(api.port)]
            log = plan.state.logs / f"links-{zone}.log"
            process.spawn([*command, f"-config={links}"], log, {"LOG_LEVEL": "error"})
        server = ToxiproxyServer(plan.addresses.api(zone))
        deadline = time.monotonic() + LISTEN_TIMEOUT_S
        wanted = sum(link.source_zone == zone for link in plan.topology.links())
        while time.monotonic() < deadline:
            with suppress(LinkError):
                if len(server.toxics_by_proxy()) == wanted:
                    return
            time.sleep(_POLL_S)
        raise LabError(f"the links of zone {zone} did not start; see {plan.state.logs}")

    def _start(self, node: Node, tools: Tools) -> None:
        plan = self.plan
        if self.alive(node.id):
            return
        jvm = tools.jvm.with_quick_start(plan.config.quick_start)
        command = jvm.kafka(
            node.role, plan.properties(node), plan.hosts(node.zone), plan.node_mark(node)
        )
        process.spawn(command, plan.state.logs / f"{node.name}.log")

    def _wait_listening(self, node: Node, deadline: float) -> None:
        at = self.plan.endpoint(node)
        while True:
            with suppress(OSError), socket.create_connection((at.host, at.port), timeout=1):
                return
            log = self.plan.state.logs / f"{node.name}.log"
            if not self.alive(node.id):
                raise LabError(f"{node.name} ended while it started; {log} says why")
            if time.monotonic() > deadline:
                raise LabError(f"{node.name} did not listen within {LISTEN_TIMEOUT_S} s; see {log}")
            time.sleep(_POLL_S)

    def _first_dead(self) -> str:
        return next((node.name for node in self.plan.topology.nodes if not self.alive(node.id)), "")

    def _base_latency(self, zone: str | None = None) -> None:
        if self.plan.config.cross_zone_latency_ms:
            for handle in self.links():
                if zone in (None, handle.zone):
                    handle.heal()

    def _found(self, node_ids: Sequence[int]) -> list[psutil.Process]:
        marks = [self.plan.node_mark(self.plan.topology.node(node_id)) for node_id in node_ids]
        return [found for each in marks for found in process.find_all(each, exact=True)]

    def _handle(self, link: Link) -> LinkHandle:
        server = ToxiproxyServer(self.plan.addresses.api(link.source_zone))
        listen = self.plan.addresses.listen(link)
        base = base_toxics(self.plan.config.cross_zone_latency_ms)
        return LinkHandle(link.name, link.source_zone, listen, server, base, self._tls)


def tear_down(name: str) -> bool:
    """End and remove the lab of that name, whole or half dead; return whether there was one.

    Raises:
        LabError: A process outlived SIGKILL.
    """
    state = state_of(name)
    with exclusive(name):
        there = state.folder.exists()
        # A broker asked to stop without a controller waits forever, and nothing here is kept.
        process.kill(process.find_all(process.mark(state.folder, "")))
        shutil.rmtree(state.folder, ignore_errors=True)
    return there


def _each(handles: Sequence[LinkHandle], act: Callable[[LinkHandle], None]) -> None:
    failed: LinkError | None = None
    for handle in handles:
        try:
            act(handle)
        except LinkError as error:
            failed = failed or error
    if failed:
        raise failed
