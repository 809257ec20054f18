"""Machines, volumes and their prices: the one dated table that plans are priced with.

AWS us-east-1, on demand, as listed in November 2026. Network and EBS are the baselines that hold
all day, not the bursts. Prices move: the date is printed with every plan.
"""

from dataclasses import dataclass

PRICES_OF = "2026-11 us-east-1 on demand"
HOURS_PER_MONTH = 730
_GBIT_BYTES = 125_000_000
_MBIT_BYTES = 125_000
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class MachineType:
    """One EC2 type.

    Attributes:
        partition_limit: Replicas per broker, as MSK limits them for this size.
    """

    name: str
    network_bytes_per_s: int
    ebs_bytes_per_s: int
    ebs_iops: int
    memory_gib: int
    partition_limit: int
    usd_per_h: float


def _m7g(
    size: str, gbit: float, ebs_mbit: int, iops: int, gib: int, limit: int, usd: float
) -> MachineType:
    network, ebs = round(gbit * _GBIT_BYTES), ebs_mbit * _MBIT_BYTES
    return MachineType(f"m7g.{size}", network, ebs, iops, gib, limit, usd)


MACHINE_TYPES = (
    _m7g("large", 0.937, 630, 3_600, 8, 1_000, 0.0816),
    _m7g("xlarge", 1.876, 1_250, 6_000, 16, 1_000, 0.1632),
    _m7g("2xlarge", 3.75, 2_500, 12_000, 32, 2_000, 0.3264),
    _m7g("4xlarge", 7.5, 5_000, 20_000, 64, 4_000, 0.6528),
    _m7g("8xlarge", 15, 10_000, 40_000, 128, 4_000, 1.3056),
    _m7g("12xlarge", 22.5, 15_000, 60_000, 192, 4_000, 1.9584),
    _m7g("16xlarge", 30, 20_000, 80_000, 256, 4_000, 2.6112),
)
CONTROLLER_TYPE = MACHINE_TYPES[0]


@dataclass(frozen=True, slots=True)
class VolumeType:
    """What one volume can do and costs."""

    name: str
    most_gib: int
    free_iops: int
    most_iops: int
    free_bytes_per_s: int
    most_bytes_per_s: int
    bytes_per_s_per_iops: int
    usd_per_gib_month: float
    usd_per_iops_month: float
    usd_per_mb_per_s_month: float


#: One volume of data per broker; throughput may be a quarter of a megabyte per second and IOPS.
GP3 = VolumeType(
    name="gp3",
    most_gib=16_384,
    free_iops=3_000,
    most_iops=16_000,
    free_bytes_per_s=125_000_000,
    most_bytes_per_s=1_000_000_000,
    bytes_per_s_per_iops=250_000,
    usd_per_gib_month=0.08,
    usd_per_iops_month=0.005,
    usd_per_mb_per_s_month=0.04,
)
#: Each direction is paid for: what leaves a zone and what enters one.
CROSS_ZONE_USD_PER_GB = 0.02
