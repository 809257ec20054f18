"""What a broker's host is told: kernel, files, mount. Sized by the plan, with floors."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from blueprint.machine_types import GIB
from blueprint.plan import HEADROOM, Plan, whole

#: Kafka's default ``log.segment.bytes``.
SEGMENT_BYTES = GIB
#: Of one segment: its log and three indexes are open, of which two indexes are mapped.
FILES_PER_SEGMENT, MAPS_PER_SEGMENT = 4, 2
#: Rule 12 and Kafka's operations guide: open files and maps that no broker goes below.
LEAST_FILES, LEAST_MAPS = 100_000, 262_144
#: Sockets of clients and followers, beside the files of the log.
_CONNECTIONS = 20_000


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Everything that is set on a host.

    Attributes:
        sysctl: Kernel settings by name.
        open_files: ``LimitNOFILE`` of the service.
        filesystem: What the data volume is formatted with.
        mount_options: noatime: a read of the log is not to write an inode.
    """

    sysctl: Mapping[str, str]
    open_files: int
    filesystem: str = "xfs"
    mount_options: str = "noatime,nodiratime"


def host_settings(plan: Plan) -> HostSettings:
    """The host of one broker of a plan."""
    segments = segments_per_broker(plan)
    most_bytes = plan.socket_buffer_limit_bytes.value
    # The kernel's own floor and start; a connection grows from there to what the plan needs.
    tcp = f"4096 131072 {most_bytes}"
    return HostSettings(
        sysctl={
            "net.core.netdev_max_backlog": "30000",
            "net.core.rmem_max": str(most_bytes),
            "net.core.somaxconn": "4096",
            "net.core.wmem_max": str(most_bytes),
            "net.ipv4.tcp_max_syn_backlog": "4096",
            "net.ipv4.tcp_rmem": tcp,
            "net.ipv4.tcp_wmem": tcp,
            # Writes go to disk early and steadily, and never block a producer meanwhile.
            "vm.dirty_background_ratio": "5",
            "vm.dirty_ratio": "80",
            "vm.max_map_count": str(max(LEAST_MAPS, whole(HEADROOM * segments * MAPS_PER_SEGMENT))),
            "vm.swappiness": "1",
        },
        open_files=max(
            LEAST_FILES, whole(HEADROOM * (segments * FILES_PER_SEGMENT + _CONNECTIONS))
        ),
    )


def segments_per_broker(plan: Plan) -> int:
    """Segments of all replicas of one broker: what is retained, and the active one of each."""
    replicas = ceil(plan.partitions.value / plan.brokers_per_zone.value)
    return replicas + ceil(plan.disk_gib_per_broker.value * GIB / SEGMENT_BYTES)


def broker_overrides(plan: Plan) -> dict[str, str]:
    """What a plan sizes in server.properties, by Kafka's names."""
    buffer_bytes = str(plan.socket_buffer_bytes.value)
    return {
        "log.retention.ms": str(round(plan.demand.retention_h * 3_600_000)),
        "num.network.threads": str(plan.network_threads.value),
        "num.replica.fetchers": str(plan.replica_fetchers.value),
        "replica.socket.receive.buffer.bytes": buffer_bytes,
        "socket.receive.buffer.bytes": buffer_bytes,
        "socket.send.buffer.bytes": buffer_bytes,
    }


def render_sysctl(settings: HostSettings) -> str:
    """The text of a file in /etc/sysctl.d, one setting a line."""
    return "".join(f"{name} = {value}\n" for name, value in sorted(settings.sysctl.items()))
