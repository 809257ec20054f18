"""What an EC2 instance becomes a node of Kafka by: cloud-init's user data, rendered and packed.

Nothing that changes with a setting or with the cluster's size is in it, and no secret:
server.properties, kernel settings, limits, certificates and where the others are is fetched by the
node, so that a changed one is a restart at most and never another machine. What is in it is what a
machine is: its name, its volume, its version of Kafka.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from blueprint.broker_settings import render_properties
from blueprint.heap import heap_mib
from blueprint.host_settings import HostSettings
from blueprint.machine_types import MachineType
from blueprint.security import SECRETS_DIR, node_tls
from blueprint.stack_config import ArtifactConfig
from blueprint.topology import Node, Role

#: EC2's limit, before base64.
MOST_BYTES = 16_384
DATA_MOUNT, DATA_DIR = "/var/lib/kafka", "/var/lib/kafka/data"
FILESYSTEM_LABEL = "kafka-data"
_ETC, _LOGS = "/etc/kafka", "/var/log/kafka"
_FILES = Path(__file__).parent / "aws_node_files"
_PACKAGES = ("java-21-amazon-corretto-headless", "amazon-cloudwatch-agent", "xfsprogs")
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a machine is told.

    Attributes:
        host: The name that the node is known by.
        volume_id: Of its data.
        voters: The first controllers, as StorageTool takes them.
        own_bootstrap: Where the node itself is asked: a broker over replication.
        peer_bootstrap: Where the cluster is asked while the node is away.
        controller_bootstrap: The quorum.
        controllers: How many voters there are.
        settings: For each of ``SETTINGS``, ``CLUSTER``, ``SYSCTL``, ``LIMITS`` and ``AUTHORITY``
            the name of the parameter that holds it.
        node_secret: Name or ARN of the secret that holds key and certificate.
        users_secret: Of whom the quorum knows from its first moment on; empty for none.
        log_group: Where its logs go.
    """

    node: Node
    host: str
    region: str
    volume_id: str
    cluster_id: str
    voters: str
    own_bootstrap: str
    peer_bootstrap: str
    controller_bootstrap: str
    controllers: int
    settings: Mapping[str, str]
    node_secret: str
    users_secret: str
    log_group: str
    artifact: ArtifactConfig
    host_settings: HostSettings


#: What a node fetches, beside its secret.
SETTINGS, SYSCTL, LIMITS, AUTHORITY = "settings", "sysctl", "limits", "authority"
#: Where the others are: fetched whenever a node asks the cluster, and no reason to restart.
CLUSTER = "cluster"


def user_data(facts: NodeFacts) -> str:
    """A node's user data, packed: base64 of a gzip that is the same for the same facts.

    Raises:
        ValueError: It is longer than EC2 takes.
    """
    packed = gzip.compress(cloud_config(facts).encode(), compresslevel=9, mtime=0)
    if len(packed) > MOST_BYTES:
        raise ValueError(f"user data of {facts.host}: {len(packed)} bytes, {MOST_BYTES} at most")
    return base64.b64encode(packed).decode()


def cloud_config(facts: NodeFacts) -> str:
    """The same in clear: cloud-init's own YAML."""
    config = {
        "hostname": facts.node.name,
        "fqdn": facts.host,
        "prefer_fqdn_over_hostname": True,
        "ssh_pwauth": False,
        "disable_root": True,
        "users": [
            "default",
            {
                "name": "kafka",
                "system": True,
                "no_create_home": True,
                "lock_passwd": True,
                "shell": "/sbin/nologin",
            },
        ],
        "packages": list(_PACKAGES),
        "write_files": [
            _file("/etc/quorate/node.env", node_env(facts)),
            _file("/usr/local/sbin/quorate-node", _text("quorate-node.sh"), "0755"),
            _file("/etc/systemd/system/quorate-node.service", _text("quorate-node.service")),
            _file("/etc/systemd/system/kafka.service", _text("kafka.service")),
            _file(f"{_ETC}/tools.properties", tools_properties()),
            _file(
                "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json",
                _log_agent(facts),
            ),
        ],
        "runcmd": [["/usr/local/sbin/quorate-node", "install"]],
    }
    return "#cloud-config\n" + yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=1000)


def node_env(facts: NodeFacts) -> str:
    """What the node's own script reads, as shell assignments; no secret among it."""
    values = {
        "NODE_NAME": facts.node.name,
        "NODE_ID": str(facts.node.id),
        "ROLE": facts.node.role.value,
        "AWS_DEFAULT_REGION": facts.region,
        "VOLUME_ID": facts.volume_id,
        "FILESYSTEM_LABEL": FILESYSTEM_LABEL,
        "MOUNT_OPTIONS": facts.host_settings.mount_options,
        "DATA_MOUNT": DATA_MOUNT,
        "DATA_DIR": DATA_DIR,
        "SECRETS_DIR": SECRETS_DIR,
        "CLUSTER_ID": facts.cluster_id,
        "INITIAL_CONTROLLERS": facts.voters if facts.node.role is Role.CONTROLLER else "",
        "CLUSTER_PARAMETER": facts.settings[CLUSTER],
        "SETTINGS_PARAMETER": facts.settings[SETTINGS],
        "SYSCTL_PARAMETER": facts.settings[SYSCTL],
        "LIMITS_PARAMETER": facts.settings[LIMITS],
        "AUTHORITY_PARAMETER": facts.settings[AUTHORITY],
        "NODE_SECRET": facts.node_secret,
        "USERS_SECRET": facts.users_secret,
        "KAFKA_BUCKET": facts.artifact.bucket,
        "KAFKA_KEY": facts.artifact.key,
        "KAFKA_SHA512": facts.artifact.sha512,
    }
    return _assignments(values, exported=("AWS_DEFAULT_REGION",))


def cluster_env(facts: NodeFacts) -> str:
    """Where a node's script finds the node and the others, as shell assignments."""
    return _assignments(
        {
            "OWN_BOOTSTRAP": facts.own_bootstrap,
            "PEER_BOOTSTRAP": facts.peer_bootstrap,
            "CONTROLLER_BOOTSTRAP": facts.controller_bootstrap,
            "CONTROLLERS": str(facts.controllers),
        }
    )


def tools_properties() -> str:
    """What Kafka's own tools need on a node: they act as the node, over its certificate."""
    return render_properties({"security.protocol": "SSL", **node_tls(SECRETS_DIR)})


def limits(host: HostSettings, role: Role, machine: MachineType) -> str:
    """What the plan adds to kafka.service: open files and the heap."""
    heap = f"{heap_mib(role, machine.memory_gib * 1024)}m"
    return (
        "[Service]\n"
        f"LimitNOFILE={host.open_files}\n"
        f'Environment="KAFKA_HEAP_OPTS=-Xms{heap} -Xmx{heap}"\n'
    )


def directory_id(cluster_id: str, node: Node) -> str:
    """The id of a node's data directory: it follows from the cluster's, so it never changes."""
    attempt = 0
    while True:
        seed = f"{cluster_id}/{node.id}/{attempt}".encode()
        digest = hashlib.sha256(seed).digest()[:_UUID_BYTES]
        text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        # StorageTool takes what begins with a dash for an option.
        if not text.startswith("-"):
            return text
        attempt += 1


def salted_user(username: str, password: str, salt: bytes, iterations: int) -> str:
    """A user of SCRAM-SHA-512 as StorageTool takes it, without the password itself."""
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    written = ",".join(
        (
            f"name={username}",
            f"iterations={iterations}",
            f'salt="{base64.b64encode(salt).decode()}"',
            f'saltedpassword="{base64.b64encode(salted).decode()}"',
        )
    )
    return f"SCRAM-SHA-512=[{written}]"


def _log_agent(facts: NodeFacts) -> str:
    """Kafka's logs and what the machine said while it became a node."""
    files = [f"{_LOGS}/server.log", f"{_LOGS}/controller.log", f"{_LOGS}/state-change.log"]
    collected = [
        {
            "file_path": path,
            "log_group_name": facts.log_group,
            "log_stream_name": f"{facts.node.name}/{Path(path).stem}",
        }
        for path in [*files, "/var/log/cloud-init-output.log"]
    ]
    logs = {"logs_collected": {"files": {"collect_list": collected}}}
    return json.dumps({"agent": {"region": facts.region}, "logs": logs}, indent=1) + "\n"


def _file(path: str, content: str, permissions: str = "0644") -> dict[str, str]:
    return {"path": path, "owner": "root:root", "permissions": permissions, "content": content}


def _text(name: str) -> str:
    return (_FILES / name).read_text()


def _assignments(values: Mapping[str, str], exported: Collection[str] = ()) -> str:
    return "".join(
        f"{'export ' if name in exported else ''}{name}={_quoted(value)}\n"
        for name, value in values.items()
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks: user data is read by people when a machine does not come up."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)
