"""A node as user data is rendered for it, in tests."""

from blueprint.host_settings import HostSettings
from blueprint.stack_config import ArtifactConfig
from blueprint.topology import Node, Role
from components.user_data import AUTHORITY, CLUSTER, LIMITS, SETTINGS, SYSCTL, NodeFacts

ZONE = "a-stack-with-a-long-name-indeed.quorate.internal"
SHA512 = "ab" * 64


def node_facts(role: Role = Role.BROKER) -> NodeFacts:
    """A node with every text as long as it may get."""
    node = Node(1000 if role is Role.BROKER else 101, role, "a")
    quorum = ",".join(f"controller-{one}.{ZONE}:9093" for one in (101, 102, 103))
    peers = ",".join(f"broker-{one}.{ZONE}:9091" for one in range(1000, 1006))
    paths = {
        what: f"/quorate/{ZONE}/{what}" for what in (SETTINGS, CLUSTER, SYSCTL, LIMITS, AUTHORITY)
    }
    return NodeFacts(
        node=node,
        host=f"{node.name}.{ZONE}",
        region="ap-southeast-1",
        volume_id="vol-0123456789abcdef0",
        cluster_id="abcdefghijklmnopqrstuv",
        voters=",".join(
            f"{one}@controller-{one}.{ZONE}:9093:abcdefghijklmnopqrstuv" for one in (101, 102, 103)
        ),
        own_bootstrap=peers.split(",")[0] if role is Role.BROKER else quorum,
        peer_bootstrap=peers if role is Role.BROKER else quorum,
        controller_bootstrap=quorum,
        controllers=3,
        settings=paths,
        node_secret=f"quorate/{ZONE}/{node.name}",
        users_secret=f"quorate/{ZONE}/first-users" if role is Role.CONTROLLER else "",
        log_group=f"/quorate/{ZONE}",
        artifact=ArtifactConfig(
            bucket="b" * 63, key="kafka/it's/kafka_2.13-4.3.1.tgz", sha512=SHA512
        ),
        host_settings=HostSettings(sysctl={"vm.swappiness": "1"}, open_files=123_456),
    )
