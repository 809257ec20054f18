"""What a machine does to its volume at each boot: the real script, the system's tools replaced.

A volume is a file that says what is on it; each tool that would change the machine writes down how
it was called. The storage tool refuses what is formatted already, as Kafka's own does.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from blueprint.topology import Role
from components.user_data import node_env
from tests.components.node_facts import node_facts

_SCRIPT = Path(__file__).parents[2] / "components/aws_node_files/quorate-node.sh"
_TIMEOUT_S = 60
#: What each tool does, after it has said how it was called; the folder of the test is ``$room``.
_TOOLS = {
    # Exit codes as blkid(8) has them: 2 for nothing found, 8 for more than one answer.
    "blkid": """
        case $(cat "${!#}") in
          '') exit 2 ;;
          ambivalent) exit 8 ;;
          partitioned) exit 0 ;;
          *) cat "${!#}" ;;
        esac""",
    "mkfs.xfs": 'printf xfs >"${!#}"',
    "mountpoint": 'grep -qxF "${!#}" "$room/mounted"',
    "mount": 'echo "${!#}" >>"$room/mounted"',
    "runuser": 'shift 3; exec "$@"',
    "aws": """
        [[ $2 != get-object ]] || cp "$room/archive.tgz" "${!#}"
        [[ $* != *first-users* ]] || echo SCRAM-SHA-512=one""",
    "install": "",
    "sysctl": "",
    "systemctl": "",
    "udevadm": "",
    "xfs_growfs": "",
}
_STORAGE = """
    if [[ -e $room/formatted ]]; then [[ $* == *--ignore-formatted* ]]; fi
    touch "$room/formatted\""""
both_roles = pytest.mark.parametrize("role", list(Role))


@dataclass(frozen=True)
class Machine:
    """A machine of the test.

    Attributes:
        room: Everything of it, also what its tools remember.
        volume: Its data volume; the text is what is on it.
    """

    room: Path
    volume: Path

    def run(self, what: str) -> subprocess.CompletedProcess[str]:
        """Call the script as systemd or cloud-init would."""
        environment = {
            "PATH": f"{self.room / 'tools'}:{os.environ['PATH']}",
            "QUORATE_ENV": str(self.room / "node.env"),
            "QUORATE_ROOM": str(self.room / "run"),
            "QUORATE_DEVICES": str(self.volume.parent),
            "QUORATE_WAIT_S": "1",
            "QUORATE_POLL_S": "0.1",
            "KAFKA_HOME": str(self.room / "kafka"),
            "KAFKA_ETC": str(self.room / "etc"),
        }
        return subprocess.run(
            ["bash", _SCRIPT, what],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )

    def booted(self) -> None:
        """Start it anew: nothing is mounted, and the volume is as it was left."""
        (self.room / "mounted").write_text("")

    def calls(self, tool: str) -> list[list[str]]:
        """The arguments of each call of a tool."""
        lines = (self.room / "calls").read_text().splitlines()
        return [line.split()[1:] for line in lines if line.split()[0] == tool]


def _machine(room: Path, role: Role, on_the_volume: str) -> Machine:
    for folder in ("tools", "devices", "kafka/bin"):
        (room / folder).mkdir(parents=True)
    (room / "mounted").write_text("")
    (room / "calls").write_text("")
    for tool, does in _TOOLS.items():
        _tool(room / "tools" / tool, room, does)
    _tool(room / "kafka/bin/kafka-storage.sh", room, _STORAGE)
    facts = node_facts(role)
    volume = (
        room / "devices" / f"nvme-Amazon_Elastic_Block_Store_{facts.volume_id.replace('-', '')}"
    )
    volume.write_text(on_the_volume)
    own = {
        "DATA_MOUNT": room / "data",
        "DATA_DIR": room / "data/data",
        "SECRETS_DIR": room / "keys",
    }
    lines = "".join(f"{name}={path}\n" for name, path in own.items())
    (room / "node.env").write_text(node_env(facts) + lines)
    return Machine(room, volume)


def _tool(file: Path, room: Path, does: str) -> None:
    says = f'echo "{file.name} $*" >>"$room/calls"'
    file.write_text(f"#!/bin/bash\nset -e\nroom={room}\n{says}\n{does}\n")
    file.chmod(0o755)


@both_roles
def test_a_blank_volume_is_formatted_once_however_often_a_machine_boots(
    role: Role, tmp_path: Path
) -> None:
    """Called again at once, and after each boot: what is there is mounted, and that is all."""
    machine = _machine(tmp_path, role, on_the_volume="")
    for _ in range(2):
        for _ in range(2):
            done = machine.run("prepare")
            assert done.returncode == 0, done.stderr
        machine.booted()
    assert machine.calls("mkfs.xfs") == [["-q", "-L", "kafka-data", str(machine.volume)]]
    data = [one for one in machine.calls("mount") if one[-1] == str(machine.room / "data")]
    assert len(data) == 2
    assert all("LABEL=kafka-data" in one for one in data)


@both_roles
def test_a_volume_that_holds_data_is_mounted_and_never_formatted(
    role: Role, tmp_path: Path
) -> None:
    """It outlives its machine: another one takes it on."""
    machine = _machine(tmp_path, role, on_the_volume="xfs")
    done = machine.run("prepare")
    assert done.returncode == 0, done.stderr
    assert machine.calls("mkfs.xfs") == []
    assert [one for one in machine.calls("mount") if "LABEL=kafka-data" in one]


@pytest.mark.parametrize("holds", ["ext4", "ambivalent", "partitioned"])
def test_a_volume_of_another_kind_is_left_alone(holds: str, tmp_path: Path) -> None:
    """Also where blkid finds two kinds, or something that is no file system; the node says so."""
    machine = _machine(tmp_path, Role.BROKER, on_the_volume=holds)
    done = machine.run("prepare")
    assert done.returncode == 1
    assert "neither blank nor XFS" in done.stderr
    assert machine.volume.read_text() == holds
    for tool in ("mkfs.xfs", "mount", "kafka-storage.sh"):
        assert machine.calls(tool) == []


def test_a_volume_that_is_not_attached_is_waited_for(tmp_path: Path) -> None:
    """And nothing else is done meanwhile."""
    machine = _machine(tmp_path, Role.BROKER, on_the_volume="")
    machine.volume.unlink()
    done = machine.run("prepare")
    assert done.returncode == 1
    assert "volume vol-0123456789abcdef0: not after 1 s" in done.stderr
    assert machine.calls("mkfs.xfs") == machine.calls("mount") == []


@both_roles
def test_kafkas_storage_is_formatted_by_its_own_tool_which_may_find_it_formatted(
    role: Role, tmp_path: Path
) -> None:
    """Each boot asks for it in the same words, and for the same cluster."""
    machine = _machine(tmp_path, role, on_the_volume="")
    for _ in range(2):
        assert machine.run("prepare").returncode == 0
        machine.booted()
    first, second = machine.calls("kafka-storage.sh")
    assert first == second
    assert first[:2] == ["format", "--ignore-formatted"]
    assert first[first.index("--cluster-id") + 1] == node_facts(role).cluster_id
    voters = "--initial-controllers" if role is Role.CONTROLLER else "--no-initial-controllers"
    assert voters in first
    assert ("--add-scram" in first) == (role is Role.CONTROLLER)


def test_kafka_is_installed_once(tmp_path: Path) -> None:
    """Only the archive that the stack names, by its SHA-512; the second time nothing is fetched."""
    machine = _machine(tmp_path, Role.BROKER, on_the_volume="")
    shutil.rmtree(tmp_path / "kafka")
    archive = _archive(tmp_path)
    env = tmp_path / "node.env"
    env.write_text(env.read_text() + f"KAFKA_SHA512={archive}\n")
    for _ in range(2):
        done = machine.run("install")
        assert done.returncode == 0, done.stderr
    assert os.access(tmp_path / "kafka/bin/kafka-server-start.sh", os.X_OK)
    assert len(machine.calls("aws")) == 1
    started = ["enable", "--now", "amazon-cloudwatch-agent", "quorate-node", "kafka"]
    assert machine.calls("systemctl") == [started, started]


def test_another_archive_is_not_installed(tmp_path: Path) -> None:
    """Nothing of it is where Kafka would be, and nothing is started."""
    machine = _machine(tmp_path, Role.BROKER, on_the_volume="")
    shutil.rmtree(tmp_path / "kafka")
    _archive(tmp_path)
    done = machine.run("install")
    assert done.returncode == 1
    assert "another SHA-512" in done.stderr
    assert not (tmp_path / "kafka").exists()
    assert machine.calls("systemctl") == []


def _archive(room: Path) -> str:
    """Something packed like Kafka's release; returns its SHA-512."""
    program = room / "kafka_2.13-4.3.1/bin/kafka-server-start.sh"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with tarfile.open(room / "archive.tgz", "w:gz") as packed:
        packed.add(program.parents[1], program.parents[1].name)
    return hashlib.sha512((room / "archive.tgz").read_bytes()).hexdigest()
