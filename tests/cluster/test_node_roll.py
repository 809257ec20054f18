"""The script that rolls a node on EC2, on a real cluster: only AWS and systemd are stood in for."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic

from blueprint.listeners import REPLICATION
from blueprint.topology import Node, Role, three_zones
from components.identities import kafka_uuid
from components.user_data import directory_id, salted_user
from lab.cluster import Lab
from lab.equipment import have_tools

pytestmark = pytest.mark.cluster

SCRIPT = Path(__file__).parents[2] / "components/aws_node_files/quorate-node.sh"
_TIMEOUT_S = 120.0
#: The lab's sessions and its replicas' lag run out well within it.
_HOLD_S = 5
_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-metadata-quorum.sh": "org.apache.kafka.tools.MetadataQuorumCommand",
}
#: A stop and a start are each asked for by one file, and done when there is another.
_SYSTEMCTL = """#!/bin/bash
[[ $1 != stop && $1 != start ]] || {{
  touch {room}/$1
  until [[ -e {room}/done ]]; do sleep 0.1; done
  rm {room}/done
}}
"""
#: A name that is a path is what stands there: where a node finds its cluster.
_AWS = """#!/bin/bash
[[ $4 != /* ]] || exec cat "$4"
echo "told by aws: $*" | sed 's/ --query.*//'
"""


@dataclass(frozen=True)
class Machine:
    """What a node's script finds on its machine."""

    lab: Lab
    folder: Path

    def run(self, action: str, node: Node, wait_s: int = 100) -> "subprocess.Popen[str]":
        """Start the script as a node."""
        env = self.folder / f"{node.name}.env"
        cluster = self.folder / f"{node.name}.cluster"
        cluster.write_text(_assignments(self._cluster(node)))
        env.write_text(_assignments(self._facts(node) | {"CLUSTER_PARAMETER": str(cluster)}))
        return subprocess.Popen(
            ["bash", SCRIPT, action],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ
            | {
                "PATH": f"{self.folder}/stand-ins:{os.environ['PATH']}",
                "QUORATE_ENV": str(env),
                "QUORATE_ROOM": str(self.folder / f"room-{node.name}"),
                "QUORATE_WAIT_S": str(wait_s),
                "QUORATE_POLL_S": "0.2",
                "QUORATE_HOLD_S": str(_HOLD_S),
                "KAFKA_HOME": str(self.folder / "kafka"),
                "KAFKA_ETC": str(self.folder / "etc"),
            },
        )

    def wanted(self, what: str) -> bool:
        """Whether the script has asked for a ``stop`` or ``start`` of Kafka."""
        return (self.folder / what).exists()

    def serve(self, node: Node) -> None:
        """Do the stop and the start that the script asks for, and tell it."""
        for what, act in (("stop", self.lab.stop), ("start", self.lab.start)):
            wait_for(lambda what=what: self.wanted(what))  # type: ignore[misc]
            act(node.id)
            (self.folder / what).unlink()
            (self.folder / "done").touch()

    def _cluster(self, node: Node) -> dict[str, str]:
        plan = self.lab.plan
        port = plan.addresses.ports.of(REPLICATION)
        quorum = ",".join(str(plan.endpoint(one)) for one in plan.topology.controllers)
        brokers = {one: f"{plan.addresses.host(one)}:{port}" for one in plan.topology.brokers}
        peers = ",".join(at for one, at in brokers.items() if one != node)
        of_quorum = node.role is Role.CONTROLLER
        return {
            "OWN_BOOTSTRAP": quorum if of_quorum else brokers[node],
            "PEER_BOOTSTRAP": quorum if of_quorum else peers,
            "CONTROLLER_BOOTSTRAP": quorum,
            "CONTROLLERS": str(len(plan.topology.controllers)),
        }

    def _facts(self, node: Node) -> dict[str, str]:
        return {
            "NODE_NAME": node.name,
            "NODE_ID": str(node.id),
            "ROLE": node.role.value,
            "DATA_MOUNT": str(self.folder),
            "SECRETS_DIR": str(self.folder),
            **dict.fromkeys(
                (
                    "SETTINGS_PARAMETER",
                    "SYSCTL_PARAMETER",
                    "LIMITS_PARAMETER",
                    "AUTHORITY_PARAMETER",
                    "NODE_SECRET",
                ),
                "a-name",
            ),
        }


@pytest.fixture
def machine(lab: Lab, tmp_path: Path) -> Iterator[Machine]:
    """A machine with Kafka's own tools, and stand-ins for what only a machine of EC2 has."""
    jvm = have_tools().jvm
    hosts = f"-Djdk.net.hosts.file={lab.plan.hosts('a')}"
    programs = {
        tmp_path
        / "kafka/bin"
        / name: f'#!/bin/sh\nexec {shlex.join(jvm.command(main, 128, hosts))} "$@"\n'
        for name, main in _TOOLS.items()
    }
    stand_ins = tmp_path / "stand-ins"
    programs |= {stand_ins / name: "#!/bin/sh\n" for name in ("install", "sysctl")}
    programs[stand_ins / "mountpoint"] = "#!/bin/sh\nexit 1\n"
    programs[stand_ins / "systemctl"] = _SYSTEMCTL.format(room=tmp_path)
    programs[stand_ins / "aws"] = _AWS
    for file, text in programs.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/tools.properties").touch()
    yield Machine(lab, tmp_path)
    dead = [node.id for node in lab.plan.topology.nodes if not lab.alive(node.id)]
    lab.start(*dead)


def test_a_broker_is_restarted_only_in_a_calm_cluster_and_once(machine: Machine) -> None:
    """While another broker is away it waits; afterwards it restarts, and waits until it is back."""
    lab = machine.lab
    own, other = lab.plan.topology.brokers[:2]
    admin = lab.admin()
    admin.create_topics([NewTopic("rolled", 6, 3)])["rolled"].result(30)
    lab.kill(other.id)
    rolling = machine.run("roll", own)
    try:
        assert "waiting: no partition is under-replicated" in _line(rolling)
        assert not machine.wanted("stop")
        lab.start(other.id)
        machine.serve(own)
        _, said = rolling.communicate(timeout=_TIMEOUT_S)
    finally:
        _end(rolling)
    assert rolling.returncode == 0, said
    assert "the cluster is calm" in said
    again = machine.run("roll", own)
    _, said = again.communicate(timeout=_TIMEOUT_S)
    assert again.returncode == 0, said
    assert "runs with these settings already" in said
    assert not machine.wanted("stop")


def test_a_controller_is_back_only_when_it_follows_again(machine: Machine) -> None:
    """Even the leader of the quorum: what it knew before it went counts for nothing."""
    first = machine.lab.plan.topology.controllers[0]
    rolling = machine.run("roll", first)
    try:
        machine.serve(first)
        _, said = rolling.communicate(timeout=_TIMEOUT_S)
    finally:
        _end(rolling)
    assert rolling.returncode == 0, said
    assert "the cluster is calm" in said


def test_a_controller_waits_for_every_voter(machine: Machine) -> None:
    """A quorum that lacks one is not calm; the script says so and gives up in time."""
    first, *_, last = machine.lab.plan.topology.controllers
    machine.lab.kill(last.id)
    gone = time.monotonic() + 4
    wait_for(lambda: time.monotonic() > gone)
    lacking = machine.run("await", first, wait_s=8)
    _, said = lacking.communicate(timeout=_TIMEOUT_S)
    assert lacking.returncode == 1, said
    assert "every controller follows the leader: not after 8 s" in said


def test_a_node_is_rolled_by_one_at_a_time(machine: Machine) -> None:
    """A second roll of the same node is refused while the first goes on."""
    own, other = machine.lab.plan.topology.brokers[:2]
    machine.lab.kill(other.id)
    first = machine.run("roll", own)
    try:
        _line(first)
        second = machine.run("roll", own)
        _, said = second.communicate(timeout=_TIMEOUT_S)
        assert second.returncode == 1
        assert "is being rolled already" in said
    finally:
        _end(first)


def test_storage_is_formatted_once_with_a_salted_user(tmp_path: Path) -> None:
    """StorageTool takes what user data hands it, keeps the directory's id, and may be run again."""
    topology, cluster_id = three_zones(), kafka_uuid()
    own = topology.controllers[0]
    voters = ",".join(
        f"{one.id}@{one.name}:9093:{directory_id(cluster_id, one)}" for one in topology.controllers
    )
    properties = tmp_path / "server.properties"
    properties.write_text(
        f"process.roles=controller\nnode.id={own.id}\nlog.dirs={tmp_path}/data\n"
        "listeners=CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n"
        "controller.quorum.bootstrap.servers=localhost:9093\n"
    )
    user = salted_user("quorate-admin", "of a test", b"0123456789abcdef", 4096)
    command = [*have_tools().jvm.command("kafka.tools.StorageTool", 128), "format"]
    command += ["--ignore-formatted", "--config", str(properties), "--cluster-id", cluster_id]
    command += ["--initial-controllers", voters, "--add-scram", user]
    for said in ("Formatting dynamic metadata voter directory", "already formatted"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    kept = (tmp_path / "data/meta.properties").read_text()
    assert f"directory.id={directory_id(cluster_id, own)}\n" in kept


def _assignments(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _program(command: list[str]) -> str:
    return f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'


def _end(process: "subprocess.Popen[str]") -> None:
    """End the script with what it started, and close what it was read through."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=_TIMEOUT_S)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once it holds; fail if it does not in time."""
    deadline = time.monotonic() + _TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
