"""Brings a running lab to other settings: one zone at a time, nothing lost, nobody kept waiting.

What is still to be restarted stands in ``roll.json`` before the first file is changed. A node that
has another process than the one named there has started from the new files since, whoever started
it: so a roll that was killed at any moment is finished by the next.
"""

import json
import os
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from blueprint.problem import BadInput, Problem
from blueprint.security import KEYSTORE_FILE, TRUSTSTORE_FILE
from blueprint.topology import Node, Role
from lab.cluster import Lab, Say, silent
from lab.config import LabConfig
from lab.plan import LabPlan
from lab.problem import LabError
from lab.quorum import Quorum, ask_leader
from lab.state import State, exclusive, state_of

#: What a roll cannot change: it would be another lab.
FIXED = ("name", "security", "slot", "broker_zones", "controller_zones")
#: From a node's start until every partition is on all its replicas again.
SYNC_TIMEOUT_S = 90.0
_POLL_S, _LOOK_EVERY_S = 0.1, 2.0
_ANSWER_TIMEOUT_S = 2.0
#: A node that gives up says why near the end of its log.
_LAST_LINES = 400


def roll_to(config: LabConfig, say: Say = silent) -> Lab:
    """Start a lab, or bring the one of that name to this config; safe to repeat.

    Raises:
        BadInput: It exists with what a roll cannot change, or the settings contradict each other.
        LabError: The machine, or a node's new settings, stand in the way.
    """
    state = state_of(config.name)
    with exclusive(config.name):
        if state.exists():
            _prepare(Lab.open(config.name).plan, config)
    # Starts what has no process, from the new files: a node whose settings kept it down included.
    lab = Lab.up(config, say)
    with exclusive(config.name):
        Roll(lab, say).finish()
    return lab


def not_as_wanted(config: LabConfig) -> list[str]:
    """What is missing of a lab of this config: nothing, if ``roll_to`` would find all done."""
    state = state_of(config.name)
    if not state.exists():
        return ["the lab"]
    lab = Lab.open(config.name)
    missing = [row.name for row in lab.status() if row.pid is None]
    if lab.plan.config != config:
        missing.append("its settings")
    if _file(state).exists() or not lab.plan.rendered():
        missing.append("the end of what was begun")
    return missing


class Roll:
    """The nodes of a lab that are to be restarted, zone by zone."""

    def __init__(self, lab: Lab, say: Say) -> None:
        """Take up whatever ``roll.json`` says is still to be done."""
        self._lab, self._say, self._plan = lab, say, lab.plan
        self._file = _file(lab.plan.state)
        bootstrap = ",".join(map(lab.plan.addresses.bootstrap, lab.plan.topology.zones))
        self._admin = AdminClient(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "socket.timeout.ms": 3000,
                **lab.plan.admin_settings(),
            }
        )

    def finish(self) -> None:
        """Restart what still runs with its old settings; done when every replica is in sync.

        Raises:
            LabError: A zone did not come back; no further one was touched.
        """
        if not self._file.exists():
            return
        zones = self._zones_left()
        if zones:
            self._await_sync("before the first zone was touched")
        for zone in zones:
            self._say(f"restarting zone {zone}")
            self._restart(zone)
        if zones:
            self._lead_where_preferred()
        self._lab.heal_links()
        self._file.unlink()

    def _zones_left(self) -> list[str]:
        """The zone of the active controller comes last: that is one election and not three."""
        zones = [zone for zone in self._plan.topology.zones if self._nodes_left(zone)]
        active = quorum_of(self._plan)
        if active is None:
            return zones
        return sorted(zones, key=lambda zone: self._plan.topology.node(active.leader).zone == zone)

    def _nodes_left(self, zone: str) -> list[Node]:
        begun = _begun(self._plan.state)
        return [
            node
            for node in self._plan.topology.nodes
            if node.zone == zone
            and node.name in begun
            and self._lab.pid(node.id) == begun[node.name]
        ]

    def _restart(self, zone: str) -> None:
        # A broker is stopped while its zone's controller is there, which lets it hand over its
        # leaderships; it comes back last and finds its quorum at once.
        left = self._nodes_left(zone)
        brokers = [node for node in left if node.role is Role.BROKER]
        controllers = [node for node in left if node.role is Role.CONTROLLER]
        for node in brokers:
            self._lab.stop(node.id)
        for node in controllers:
            self._lab.stop(node.id)
            self._lab.start(node.id)
            self._await_voter(node)
        self._lab.start(*(node.id for node in brokers))
        self._await_sync(f"after zone {zone} was restarted")

    def _await_voter(self, node: Node) -> None:
        def caught_up() -> bool:
            quorum = quorum_of(self._plan)
            return quorum is not None and quorum.behind.get(node.id, 1) == 0

        self._wait(caught_up, f"{node.name} to have all of the metadata again")

    def _await_sync(self, when: str) -> None:
        lagging: list[str] = []

        def in_sync() -> bool:
            lagging[:] = self._lagging()
            return not lagging

        self._wait(in_sync, f"every replica to be in sync {when}", lagging)

    def _lagging(self) -> list[str]:
        try:
            seen = self._admin.list_topics(timeout=_ANSWER_TIMEOUT_S)
        except KafkaException:
            return ["no broker answers"]
        absent = [b.name for b in self._plan.topology.brokers if b.id not in seen.brokers]
        return absent + [
            f"{topic.topic}-{partition.id}"
            for topic in seen.topics.values()
            for partition in topic.partitions.values()
            if len(partition.isrs) < len(partition.replicas) or partition.leader < 0
        ]

    def _lead_where_preferred(self) -> None:
        """Else the zone that was restarted last leads nothing until Kafka looks, minutes later."""
        # None asks for all partitions; one that is led as preferred already is no failure.
        with suppress(KafkaException, TimeoutError):
            self._admin.elect_leaders(ElectionType.PREFERRED, None).result(SYNC_TIMEOUT_S)

    def _wait(
        self, condition: Callable[[], bool], what: str, lagging: list[str] | None = None
    ) -> None:
        began = looked = time.monotonic()
        while not condition():
            # Looking for processes costs more than asking the cluster; both share two cores.
            if time.monotonic() - looked > _LOOK_EVERY_S:
                looked = time.monotonic()
                self._refuse_dead()
            if time.monotonic() - began > SYNC_TIMEOUT_S:
                missing = f": {', '.join(lagging[:5])}" if lagging else ""
                raise LabError(
                    f"waited {SYNC_TIMEOUT_S:.0f} s in vain for {what}{missing}; "
                    "no further zone was touched, and the same command goes on from here"
                )
            time.sleep(_POLL_S)

    def _refuse_dead(self) -> None:
        for row in self._lab.status():
            if row.pid is None:
                log = self._plan.state.logs / f"{row.name}.log"
                raise LabError(f"{row.name} ended; {log} says why")


def quorum_of(plan: LabPlan) -> Quorum | None:
    """What the leader of a lab's quorum says, or None while there is none."""
    controllers = plan.topology.controllers
    tls = None
    if plan.secured:
        own = plan.keyring.of_node(controllers[0].name)
        tls = ssl.create_default_context(cafile=str(own / TRUSTSTORE_FILE))
        tls.load_cert_chain(own / KEYSTORE_FILE)
    return ask_leader(map(plan.endpoint, controllers), tls)


def _prepare(plan: LabPlan, config: LabConfig) -> None:
    """Write down what is to be restarted, then the config and the files that it is to start from.

    Raises:
        BadInput: It is another lab that is asked for, or the settings contradict each other.
    """
    had = plan.config
    wanted = LabPlan(config, plan.state, plan.topology, plan.addresses, plan.cluster_id)
    if not plan.rendered():
        plan.state.write(config, plan.addresses.slot, plan.cluster_id)
        return
    _refuse_another(had, config)
    texts = {node: wanted.properties_text(node) for node in plan.topology.nodes}
    stale = [node for node, text in texts.items() if wanted.properties(node).read_text() != text]
    if had.quick_start != config.quick_start:
        stale = list(plan.topology.nodes)
    if had == config and not stale:
        return
    lab = Lab(plan)
    begun = _begun(plan.state) | {
        node.name: pid for node in stale if (pid := lab.pid(node.id)) is not None
    }
    _replace(_file(plan.state), json.dumps(begun, indent=2))
    plan.state.write(config, plan.addresses.slot, plan.cluster_id)
    for node in stale:
        _replace(wanted.properties(node), texts[node])


def _refuse_another(had: LabConfig, config: LabConfig) -> None:
    asked, was = config.model_dump(mode="json"), had.model_dump(mode="json")
    remedy = f"run `python -m lab down --name {had.name}` first, or choose another name"
    problems = [
        Problem(name, repr(asked[name]), f"{was[name]!r}, as the lab was made", remedy)
        for name in FIXED
        if asked[name] != was[name]
    ]
    if problems:
        raise BadInput(problems)


def _file(state: State) -> Path:
    return state.folder / "roll.json"


def _begun(state: State) -> dict[str, int]:
    """For each node to be restarted the process that it had; damaged or missing, it says none."""
    with suppress(OSError, ValueError):
        said = json.loads(_file(state).read_text())
        return {str(name): int(pid) for name, pid in said.items()}
    return {}


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}")
    new.write_text(text)
    os.replace(new, path)


def why_dead(name: str) -> str:
    """Why the nodes of a lab that have no process ended, as far as their logs say so."""
    state, dead = state_of(name), []
    with suppress(BadInput, LabError):
        dead = [row.name for row in Lab.open(name).status() if row.pid is None]
    reasons = (_reason(state.logs / f"{node}.log") for node in dead)
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _reason(log: Path) -> str:
    """The exception that stands below the last line in which a node gave up."""
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        for index in reversed(range(len(lines))):
            if "fatal exception" in lines[index].lower():
                found = (line for line in lines[index:] if "Exception: " in line)
                return next(found, "").partition("Exception: ")[2]
    return ""
