"""The faults. Each is one file; adding one is a file, a test and a line here."""

from collections.abc import Mapping

from chaos.faults.az_blackhole import AzBlackhole
from chaos.faults.az_kill import AzKill
from chaos.faults.cdc_kill import CdcKill
from chaos.faults.fault import Fault
from chaos.faults.greedy_consumer import GreedyConsumer
from chaos.faults.isolated_zone_kill import IsolatedZoneKill
from chaos.faults.isolated_zone_replaced import IsolatedZoneReplaced
from chaos.faults.latency import Latency
from chaos.faults.member_join import MemberJoin
from chaos.faults.member_kill import MemberKill
from chaos.faults.member_leave import MemberLeave
from chaos.faults.members_stopped import MembersStopped
from chaos.faults.noop import Noop
from chaos.faults.rolling_deploy import RollingDeploy
from chaos.faults.stale_zone_left import StaleZoneLeft
from chaos.faults.zone_replaced import ZoneReplaced

REGISTRY: Mapping[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        AzKill,
        AzBlackhole,
        Latency,
        IsolatedZoneKill,
        IsolatedZoneReplaced,
        ZoneReplaced,
        StaleZoneLeft,
        MemberJoin,
        MemberLeave,
        MemberKill,
        MembersStopped,
        RollingDeploy,
        CdcKill,
        GreedyConsumer,
        Noop,
    )
}
