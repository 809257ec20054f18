"""Brokers, their machines, disks, networks and buffers, sized for the loss of a zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from blueprint.demand import Demand
from blueprint.machine_types import GIB, GP3, HOURS_PER_MONTH, MachineType
from blueprint.plan import HEADROOM, ZONES, deciding, whole
from blueprint.problem import BadInput, Problem
from blueprint.topology import MOST_BROKERS_PER_ZONE

#: Prices grow with the size, so the smallest machines are the cheapest by a little, and hundreds of
#: them are a burden at every rolling change: a tenth more is paid for fewer.
ABOUT_EQUAL = 1.1
#: What a socket has at least, however little is under way.
LEAST_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a zone carries at the peak while another one is gone, without headroom.

    Attributes:
        in_bytes_per_s: Into each zone: every zone holds a replica of everything.
        out_bytes_per_s: Half of the leaders feed the other follower, and half of every group.
        disk_bytes_per_s: What comes in is written, and as much may be read by who is behind.
        stored_bytes: In each zone, at the mean rate over the retention.
        disk_gib_today: Of each broker, below which no volume goes.
    """

    in_bytes_per_s: float
    out_bytes_per_s: float
    disk_bytes_per_s: float
    stored_bytes: float
    partitions: int
    disk_gib_today: int = 0


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """One choice of machine: how many per zone, with what disk, at what price."""

    machine: MachineType
    per_zone: int
    because: str
    disk_gib: int
    disk_iops: int
    disk_bytes_per_s: int
    network_bytes_per_s: float

    @property
    def machines_usd_per_month(self) -> float:
        """All brokers of all zones."""
        return ZONES * self.per_zone * self.machine.usd_per_h * HOURS_PER_MONTH

    @property
    def storage_usd_per_month(self) -> float:
        """All volumes of all zones; what gp3 includes is free."""
        paid_iops = max(0, self.disk_iops - GP3.free_iops)
        paid_mb_per_s = max(0, self.disk_bytes_per_s - GP3.free_bytes_per_s) / 1_000_000
        each = (
            self.disk_gib * GP3.usd_per_gib_month
            + paid_iops * GP3.usd_per_iops_month
            + paid_mb_per_s * GP3.usd_per_mb_per_s_month
        )
        return ZONES * self.per_zone * each


def load_of(demand: Demand, partitions: int) -> Load:
    """The load of each surviving zone."""
    bytes_per_s = demand.planned_bytes_per_s
    mean_bytes_per_s = bytes_per_s * demand.mean_load_share
    return Load(
        in_bytes_per_s=bytes_per_s,
        out_bytes_per_s=bytes_per_s * (1 + demand.consumer_groups) / 2,
        disk_bytes_per_s=2 * bytes_per_s,
        stored_bytes=mean_bytes_per_s * demand.retention_h * 3600,
        partitions=partitions,
        disk_gib_today=demand.disk_gib_today,
    )


def plan_brokers(load: Load, machines: Sequence[MachineType]) -> BrokerPlan:
    """The fewest brokers among the choices that cost about the least.

    Raises:
        BadInput: No machine carries it with ``MOST_BROKERS_PER_ZONE``.
    """
    choices = [_choice(load, machine) for machine in machines]
    possible = [choice for choice in choices if choice.per_zone <= MOST_BROKERS_PER_ZONE]
    if not possible:
        raise BadInput([_too_much(min(choices, key=lambda choice: choice.per_zone))])
    most_usd = min(map(_usd, possible)) * ABOUT_EQUAL
    affordable = [choice for choice in possible if _usd(choice) <= most_usd]
    return min(affordable, key=lambda choice: (choice.per_zone, _usd(choice)))


def socket_buffer_bytes(bytes_per_s: float, round_trip_s: float) -> int:
    """The power of two that holds what is under way, with headroom, and at least 1 MiB."""
    under_way = ceil(HEADROOM * bytes_per_s * round_trip_s)
    return max(LEAST_BUFFER_BYTES, 1 << (under_way - 1).bit_length())


def _choice(load: Load, machine: MachineType) -> BrokerPlan:
    network = max(load.in_bytes_per_s, load.out_bytes_per_s)
    disk_most = min(machine.ebs_bytes_per_s, GP3.most_bytes_per_s)
    disk_name = "EBS" if disk_most == machine.ebs_bytes_per_s else "gp3"
    needed, because = deciding(
        {
            "one in each zone": 1,
            f"network of {machine.name}, a zone lost": _count(network, machine.network_bytes_per_s),
            f"{disk_name} throughput of {machine.name}": _count(load.disk_bytes_per_s, disk_most),
            f"{machine.partition_limit:,} partitions per {machine.name}": _count(
                load.partitions, machine.partition_limit
            ),
            f"{GP3.most_gib:,} GiB per {GP3.name} volume": _count(
                load.stored_bytes, GP3.most_gib * GIB
            ),
        }
    )
    disk_bytes_per_s = max(GP3.free_bytes_per_s, whole(HEADROOM * load.disk_bytes_per_s / needed))
    # Rounding up may pass the limit by a byte.
    disk_bytes_per_s = min(disk_bytes_per_s, disk_most)
    return BrokerPlan(
        machine=machine,
        per_zone=needed,
        because=because,
        disk_gib=max(1, load.disk_gib_today, whole(HEADROOM * load.stored_bytes / needed / GIB)),
        disk_iops=max(GP3.free_iops, ceil(disk_bytes_per_s / GP3.bytes_per_s_per_iops)),
        disk_bytes_per_s=disk_bytes_per_s,
        network_bytes_per_s=network / needed,
    )


def _count(need: float, each: float) -> int:
    return whole(HEADROOM * need / each)


def _usd(choice: BrokerPlan) -> float:
    return choice.machines_usd_per_month + choice.storage_usd_per_month


def _too_much(closest: BrokerPlan) -> Problem:
    return Problem(
        "demand",
        f"{closest.per_zone:,} {closest.machine.name} per zone ({closest.because})",
        f"at most {MOST_BROKERS_PER_ZONE} brokers per zone",
        "split the demand over several clusters",
    )
