"""What one lab is: its config, its addresses and the files its processes start from."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from blueprint.access import ADMIN, SUITE
from blueprint.broker_settings import render_properties, server_properties
from blueprint.client_settings import Setting, producer_settings
from blueprint.failover_profile import PROFILES
from blueprint.listeners import CONTROLLER, Endpoint, Ports, client_listener
from blueprint.outputs import (
    CredentialsOutput,
    LabOutput,
    LinkOutput,
    NodeOutput,
    SecurityOutput,
    StackOutputs,
)
from blueprint.problem import BadInput, Problem
from blueprint.security import Credentials, Security, client_security, security_output
from blueprint.topology import Node, Role, Topology
from lab.addresses import LabAddresses
from lab.allocation import allocate
from lab.config import LabConfig
from lab.jvm import Jvm
from lab.keyring import Keyring
from lab.links import server_config
from lab.process import find_all, kill, mark
from lab.state import State, exclusive
from lab.storage import format_all, kafka_uuid


@dataclass(frozen=True, slots=True)
class LabPlan:
    """Everything that is known of a lab before its first process."""

    config: LabConfig
    state: State
    topology: Topology
    addresses: LabAddresses
    cluster_id: str

    def endpoint(self, node: Node) -> Endpoint:
        """Where a node is reached from its own zone."""
        listener = CONTROLLER if node.role is Role.CONTROLLER else client_listener(node.zone)
        return Endpoint(self.addresses.host(node), self.addresses.ports.of(listener))

    def node_mark(self, node: Node) -> str:
        """The mark of a node's process."""
        return mark(self.state.folder, node.name)

    def links_file(self, zone: str) -> Path:
        """What a zone's toxiproxy starts from; its path is also the mark of that process."""
        return Path(mark(self.state.folder, f"links-{zone}.json"))

    def properties(self, node: Node) -> Path:
        """A node's server.properties."""
        return self.state.rendered / f"{node.name}.properties"

    def hosts(self, zone: str) -> Path:
        """The names of nodes as a zone's JVMs resolve them."""
        return self.state.rendered / f"{zone}.hosts"

    @property
    def keyring(self) -> Keyring:
        """The lab's secrets; there are none without security."""
        return Keyring(self.state.secrets)

    def client_settings(self, own: Credentials) -> dict[str, Setting]:
        """What a client of the lab adds to its settings; nothing without security.

        Args:
            own: Who it is, such as ``keyring.credentials(ADMIN)``.
        """
        return client_security(self._security(), own)

    def admin_settings(self) -> dict[str, Setting]:
        """The same for the lab's administrator, who may do anything."""
        if not self.secured:
            return {}
        return self.client_settings(self.keyring.credentials(ADMIN))

    @property
    def secured(self) -> bool:
        """Whether clients have to say who they are."""
        return self.config.security is not Security.PLAINTEXT

    def rendered(self) -> bool:
        """Whether ``render`` came to its end."""
        return (self.state.rendered / "complete").exists()

    def render(self, jvm: Jvm) -> None:
        """Write every file the processes start from and format the storage.

        Raises:
            BadInput: The settings contradict each other.
            LabError: StorageTool refused.
        """
        shutil.rmtree(self.state.data, ignore_errors=True)
        self.state.rendered.mkdir(parents=True, exist_ok=True)
        cluster, users = self.addresses.cluster(), self._make_identities()
        for node in self.topology.nodes:
            self.properties(node).write_text(self.properties_text(node))
        for zone in self.topology.zones:
            self.hosts(zone).write_text(self.addresses.hosts_file(zone))
            self.links_file(zone).parent.mkdir(exist_ok=True)
            self.links_file(zone).write_text(self._links_from(zone))
        folders = {node.id: self.state.data / node.name for node in self.topology.nodes}
        files = {node.id: self.properties(node) for node in self.topology.nodes}
        format_all(jvm, self.topology, cluster, folders, files, self.cluster_id, users)
        (self.state.rendered / "complete").touch()

    def properties_text(self, node: Node) -> str:
        """What a node's server.properties are to say.

        Raises:
            BadInput: The settings contradict each other.
        """
        cluster, settings = self.addresses.cluster(), self.config.broker_settings()
        data, secrets = self.state.data / node.name, self.keyring.of_node(node.name)
        lines = server_properties(self.topology, node, cluster, settings, str(data), str(secrets))
        return render_properties(lines)

    def outputs(self) -> StackOutputs:
        """What the chaos suite may know of this lab."""
        zones, profile = self.topology.zones, PROFILES[self.config.profile]
        broker = self.topology.brokers[0]
        settings, cluster = self.config.broker_settings(), self.addresses.cluster()
        return StackOutputs(
            stack=f"lab-{self.config.name}",
            target="lab",
            cluster_id=self.cluster_id,
            zones=zones,
            nodes=tuple(self._node(node) for node in self.topology.nodes),
            bootstrap_servers={zone: self.addresses.bootstrap(zone) for zone in zones},
            links=self._links(),
            profile=profile.name,
            broker_settings=server_properties(
                self.topology, broker, cluster, settings, "data", "secrets"
            ),
            client_settings=producer_settings(profile, self.addresses.bootstrap(zones[0])),
            cross_zone_latency_ms=self.config.cross_zone_latency_ms,
            security=self._security(),
            lab=LabOutput(name=self.config.name, state_dir=str(self.state.folder)),
        )

    def _make_identities(self) -> list[Credentials]:
        """Make the lab's secrets; returns whom the cluster lets in by password from the start."""
        if not self.secured:
            return []
        hosts = {node.name: self.addresses.names(node) for node in self.topology.nodes}
        self.keyring.make(hosts)
        by_password = self.config.security is Security.SCRAM
        return [self.keyring.credentials(one) for one in (ADMIN, SUITE)] if by_password else []

    def _security(self) -> SecurityOutput | None:
        if not self.secured:
            return None
        at = CredentialsOutput(source="file", at=str(self.keyring.file_of(SUITE)))
        return security_output(self.config.security, self.keyring.ca_pem(), at)

    def _links_from(self, zone: str) -> str:
        links = {
            link.name: (self.addresses.listen(link), self.addresses.upstream(link))
            for link in self.topology.links()
            if link.source_zone == zone
        }
        return server_config(links)

    def _node(self, node: Node) -> NodeOutput:
        at = self.endpoint(node)
        return NodeOutput(
            id=node.id, name=node.name, role=node.role, zone=node.zone, host=at.host, port=at.port
        )

    def _links(self) -> tuple[LinkOutput, ...]:
        return tuple(
            LinkOutput(
                name=link.name,
                source_zone=link.source_zone,
                node_id=link.node.id,
                plane=link.plane,
                listen=str(self.addresses.listen(link)),
                upstream=str(self.addresses.upstream(link)),
                api=str(self.addresses.api(link.source_zone)),
            )
            for link in self.topology.links()
        )


def new_plan(state: State, config: LabConfig) -> LabPlan:
    """Plan a lab that there was none of, and remember what it is; what is left of it is ended.

    Raises:
        LabError: No addresses are free.
    """
    topology = config.topology()
    kill(find_all(mark(state.folder, "")))
    with exclusive("addresses"):
        addresses = allocate(topology, state, config.slot)
        cluster_id = kafka_uuid()
        state.write(config, addresses.slot, cluster_id)
    return LabPlan(config, state, topology, addresses, cluster_id)


def loaded_plan(state: State) -> LabPlan:
    """The plan of a lab that was begun.

    Raises:
        LabError: What was remembered of it is damaged.
    """
    config, slot, cluster_id = state.read()
    topology = config.topology()
    return LabPlan(config, state, topology, LabAddresses(topology, slot, Ports()), cluster_id)


def known_plan(state: State, config: LabConfig) -> LabPlan:
    """The plan of a lab that was begun with this very config.

    Raises:
        BadInput: It was begun with another.
    """
    plan = loaded_plan(state)
    asked, had = config.model_dump(), plan.config.model_dump()
    remedy = f"run `python -m lab down --name {config.name}` first, or choose another name"
    differing = [
        Problem(name, repr(asked[name]), f"{had[name]!r}, as the lab was started with", remedy)
        for name in asked
        if asked[name] != had[name]
    ]
    if differing:
        raise BadInput(differing)
    return plan
