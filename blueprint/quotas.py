"""Quotas: what one fleet or client may take of a broker, so that one cannot exhaust it for all.

Kafka counts a quota on each broker for itself. A fleet's bytes come over all brokers alike, and
over two thirds of them on the day on which a zone is lost; that day sizes the quota.
"""

from dataclasses import dataclass
from math import ceil

from blueprint.plan import HEADROOM, ZONES, Plan

#: Zones that are left to serve when one is lost.
_ZONES_LEFT = ZONES - 1
#: Of a broker's request threads, in percent of one thread: what all quotas together may take.
#: Kafka counts 100 for each network and I/O thread; ``num.io.threads`` has 8 as its default.
_PERCENT_PER_THREAD, _IO_THREADS = 100, 8


@dataclass(frozen=True, slots=True)
class Quota:
    """What one principal may take of each broker.

    Attributes:
        user: The principal's name; with ``client_id`` the name of unauthenticated clients.
        produce_bytes_per_s: Of each broker; at least one byte, so that 0 never means unlimited.
        fetch_bytes_per_s: Of each broker.
        request_percent: Of each broker's threads, 100 being one whole thread.
    """

    user: str
    produce_bytes_per_s: int
    fetch_bytes_per_s: int
    request_percent: int


def quota(plan: Plan, user: str, *, consumes: bool, produces: bool, sharers: int) -> Quota:
    """The quota of one fleet or client of a plan.

    Args:
        plan: What the cluster was sized for.
        user: Who is bounded.
        consumes: Whether it reads everything that the plan's peak writes.
        produces: Whether it may write up to the plan's peak.
        sharers: How many quotas share the brokers' threads.
    """
    brokers_left = plan.brokers_per_zone.value * _ZONES_LEFT
    fair = ceil(HEADROOM * plan.demand.planned_bytes_per_s / brokers_left)
    threads = plan.network_threads.value + _IO_THREADS
    return Quota(
        user=user,
        produce_bytes_per_s=fair if produces else 1,
        # Whoever has fallen behind must read faster than is written, or never catches up.
        fetch_bytes_per_s=2 * fair if consumes else 1,
        request_percent=max(1, _PERCENT_PER_THREAD * threads // max(1, sharers)),
    )
