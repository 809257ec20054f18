"""From a demand to a plan: the capacity planner."""

from math import ceil

from blueprint.broker_plan import (
    LEAST_BUFFER_BYTES,
    BrokerPlan,
    Load,
    load_of,
    plan_brokers,
    socket_buffer_bytes,
)
from blueprint.demand import Demand, Rates
from blueprint.lane_plan import plan_lanes
from blueprint.machine_types import (
    CONTROLLER_TYPE,
    CROSS_ZONE_USD_PER_GB,
    GIB,
    GP3,
    HOURS_PER_MONTH,
    MACHINE_TYPES,
    PRICES_OF,
)
from blueprint.plan import HEADROOM, ZONES, Figure, Plan, whole
from blueprint.problem import BadInput, Problem

#: Rule 11: about 2 ms a hop, there and back.
ROUND_TRIP_S = 0.004
#: Rule 12: what 500 MB/s hosts are given as the most a socket may have.
LEAST_SOCKET_LIMIT_BYTES = 128 << 20
#: Kafka's own defaults, below which no plan goes.
_LEAST_NETWORK_THREADS, _LEAST_FETCHERS = 3, 1


def plan(demand: Demand, rates: Rates | None = None, instance_type: str | None = None) -> Plan:
    """Size a cluster and its fleets for a demand.

    Args:
        demand: What is asked for.
        rates: Measured rates in the place of the assumed ones.
        instance_type: This machine and no other.

    Raises:
        BadInput: The machine is not known, or no cluster is large enough.
    """
    rates = rates or Rates()
    known = {machine.name: machine for machine in MACHINE_TYPES}
    if instance_type is not None and instance_type not in known:
        raise BadInput([Problem("instance_type", repr(instance_type), ", ".join(known))])
    lanes = plan_lanes(demand, rates)
    load = load_of(demand, lanes.partitions.value)
    machines = MACHINE_TYPES if instance_type is None else (known[instance_type],)
    brokers = plan_brokers(load, machines)
    why_machine = (
        "instance_type" if instance_type else f"fewest within 10 % of the least cost, {PRICES_OF}"
    )
    cross = _cross_zone_bytes_per_s(demand)
    per_broker = load.in_bytes_per_s / brokers.per_zone
    buffer_bytes = socket_buffer_bytes(brokers.network_bytes_per_s, ROUND_TRIP_S)
    peak = "peak after growth"
    return Plan(
        demand=demand,
        rates=rates,
        machine=brokers.machine,
        partitions=lanes.partitions,
        topics=lanes.topics,
        partitions_per_topic=lanes.partitions_per_topic,
        linger_ms=lanes.linger_ms,
        batch_bytes=lanes.batch_bytes,
        compression=lanes.compression,
        instance_type=Figure(brokers.machine.name, "type", why_machine),
        brokers_per_zone=Figure(brokers.per_zone, "brokers", brokers.because),
        controllers=Figure(ZONES, "controllers", "one dedicated in each zone"),
        network_in_bytes_per_s_per_zone=_bought(
            load.in_bytes_per_s, "bytes/s", f"{peak}: each zone holds a replica of everything"
        ),
        network_out_bytes_per_s_per_zone=_bought(
            load.out_bytes_per_s,
            "bytes/s",
            f"a zone lost: half of replication and of {demand.consumer_groups} consumer groups",
        ),
        cross_zone_bytes_per_s=_bought(cross, "bytes/s", _why_cross_zone(demand)),
        disk_gib_per_broker=Figure(brokers.disk_gib, "GiB", _why_disk(load, brokers, demand)),
        disk_iops_per_broker=Figure(brokers.disk_iops, "IOPS", _why_iops(brokers)),
        disk_bytes_per_s_per_broker=Figure(
            brokers.disk_bytes_per_s, "bytes/s", _why_throughput(load, brokers)
        ),
        network_threads=_threads(
            2 * brokers.network_bytes_per_s,
            rates.network_thread_bytes_per_s,
            _LEAST_NETWORK_THREADS,
        ),
        replica_fetchers=_threads(per_broker, rates.replica_fetcher_bytes_per_s, _LEAST_FETCHERS),
        socket_buffer_bytes=Figure(buffer_bytes, "bytes", _why_buffer(brokers)),
        socket_buffer_limit_bytes=_buffer_limit(buffer_bytes),
        consumer_threads=lanes.threads,
        consumer_instances_per_group=lanes.instances,
        brokers_usd_per_month=_brokers_usd(brokers),
        storage_usd_per_month=Figure(
            round(brokers.storage_usd_per_month), "USD/month", f"gp3, {PRICES_OF}"
        ),
        cross_zone_usd_per_month=_cross_zone_usd(demand, cross),
    )


def utilisation(made: Plan, load: Load) -> dict[str, float]:
    """Load over limit of every resource of a broker; with headroom none is above 1 / 1.3."""
    count, machine = made.brokers_per_zone.value, made.machine
    return {
        "network in": load.in_bytes_per_s / count / machine.network_bytes_per_s,
        "network out": load.out_bytes_per_s / count / machine.network_bytes_per_s,
        "disk throughput": load.disk_bytes_per_s / count / made.disk_bytes_per_s_per_broker.value,
        "disk size": load.stored_bytes / count / (made.disk_gib_per_broker.value << 30),
        "partitions": load.partitions / count / machine.partition_limit,
    }


def _bought(need: float, unit: str, because: str) -> Figure[int]:
    return Figure(whole(HEADROOM * need), unit, because)


def _threads(bytes_per_s: float, each: int, least: int) -> Figure[int]:
    needed = ceil(HEADROOM * bytes_per_s / each)
    if needed <= least:
        return Figure(least, "threads", "Kafka's default is enough")
    return Figure(needed, "threads", f"{each / 1_000_000:g} MB/s each")


def _cross_zone_bytes_per_s(demand: Demand) -> float:
    """Two thirds of producing, both follower copies, and reading that is not rack-aware."""
    reading = 0.0 if demand.rack_aware_fetch else demand.consumer_groups * 2 / 3
    return demand.planned_bytes_per_s * (2 / 3 + 2 + reading)


def _why_cross_zone(demand: Demand) -> str:
    reading = "no reading (rack-aware)" if demand.rack_aware_fetch else "2/3 of all reading"
    return f"2/3 of producing, two replicas, {reading}"


def _why_disk(load: Load, brokers: BrokerPlan, demand: Demand) -> str:
    needed_gib = HEADROOM * load.stored_bytes / brokers.per_zone / GIB
    if needed_gib >= 1 and whole(needed_gib) >= brokers.disk_gib:
        return f"retention_h {demand.retention_h:g} at the mean load"
    if brokers.disk_gib == demand.disk_gib_today:
        return "today's volumes: they never shrink"
    return "the floor, the least volume; what is kept needs less"


def _why_throughput(load: Load, brokers: BrokerPlan) -> str:
    needed = whole(HEADROOM * load.disk_bytes_per_s / brokers.per_zone)
    # Rounding up may pass the limit by a byte.
    if needed >= brokers.disk_bytes_per_s:
        return "writes, and as much read by who is behind"
    if brokers.disk_bytes_per_s == GP3.free_bytes_per_s:
        return f"the floor, what {GP3.name} includes; writing and reading need less"
    return f"all that {brokers.machine.name} carries; {GP3.name} includes more"


def _why_iops(brokers: BrokerPlan) -> str:
    needed = ceil(brokers.disk_bytes_per_s / GP3.bytes_per_s_per_iops)
    if needed >= brokers.disk_iops:
        return f"{GP3.name}: one per 250 KB/s"
    return f"the floor, what {GP3.name} includes; one per 250 KB/s is less"


def _why_buffer(brokers: BrokerPlan) -> str:
    if HEADROOM * brokers.network_bytes_per_s * ROUND_TRIP_S <= LEAST_BUFFER_BYTES:
        return "the floor; 4 ms of a broker's bytes/s need less"
    return "a broker's bytes/s x 4 ms of round trip, with headroom"


def _buffer_limit(buffer_bytes: int) -> Figure[int]:
    if buffer_bytes > LEAST_SOCKET_LIMIT_BYTES:
        return Figure(buffer_bytes, "bytes", "the buffer itself")
    return Figure(LEAST_SOCKET_LIMIT_BYTES, "bytes", "the floor, 128 MiB; the buffer needs less")


def _brokers_usd(brokers: BrokerPlan) -> Figure[int]:
    controllers = ZONES * CONTROLLER_TYPE.usd_per_h * HOURS_PER_MONTH
    because = f"brokers and {ZONES} {CONTROLLER_TYPE.name}, {PRICES_OF}"
    return Figure(round(brokers.machines_usd_per_month + controllers), "USD/month", because)


def _cross_zone_usd(demand: Demand, cross_bytes_per_s: float) -> Figure[int]:
    monthly_gb = cross_bytes_per_s * demand.mean_load_share * HOURS_PER_MONTH * 3600 / 1e9
    because = f"an estimate: mean load at ${CROSS_ZONE_USD_PER_GB:g}/GB, {PRICES_OF}"
    return Figure(round(monthly_gb * CROSS_ZONE_USD_PER_GB), "USD/month", because)
