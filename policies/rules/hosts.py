"""The hosts of Kafka: kernel, files and mounts, as the least plan has them."""

from collections.abc import Iterator

from blueprint.broker_plan import socket_buffer_bytes
from blueprint.demand import Demand
from blueprint.host_settings import LEAST_FILES, LEAST_MAPS, host_settings
from blueprint.machine_types import MACHINE_TYPES
from blueprint.planner import ROUND_TRIP_S, plan
from policies.rule import Rule, Scope
from policies.rules.wanted import at_least, at_most, not_as_wanted
from policies.said import Said, Settings
from policies.view import View
from policies.violation import Violation

FAMILY = "hosts"
#: What the blueprint gives the least of all clusters: no host goes below it.
_LEAST = host_settings(plan(Demand(peak_events_per_s=1, mean_event_bytes=1, latency_ms=1000)))
_BUFFERS = ("net.core.rmem_max", "net.core.wmem_max")
#: Of three numbers the last is the most that a connection grows to.
_TRIPLES = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
_QUEUES = ("net.core.netdev_max_backlog", "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog")
_BROKER_BUFFERS = (
    "replica.socket.receive.buffer.bytes",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
)
#: To Kafka it means: as the kernel has it.
_KERNELS_OWN = -1
_SHARED = "the lab's nodes share this machine's kernel, which no run may change"


def _limits(view: View) -> Iterator[Violation]:
    least = under_way_bytes(view)
    for kernel in _kernels(view):
        for name in _BUFFERS:
            yield from at_least(kernel.said(name), least)
        for name in _TRIPLES:
            said = kernel.said(name)
            if not said.unknown and _last(said) < least:
                yield not_as_wanted(said, f"three numbers, the last {least:,} or more")


def _kernels(view: View) -> Iterator[Settings]:
    """The kernel's settings of each host that says any."""
    yield from (host.kernel for host in view.hosts if host.kernel is not None)


def under_way_bytes(view: View) -> int:
    """Bandwidth times round trip of the fastest host of a stack."""
    speeds = {machine.name: machine.network_bytes_per_s for machine in MACHINE_TYPES}
    fastest = max(speeds.values())
    hosts = [one for one in view.machines if one.role]
    # Of a machine that nobody has measured the most is assumed.
    own = [speeds.get(one.type.text or "", fastest) for one in hosts]
    return round(max(own, default=fastest) * ROUND_TRIP_S)


def _last(said: Said) -> int:
    words = (said.text or "").split()
    return int(words[-1]) if words and words[-1].isdigit() else 0


def _buffers(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        for name in _BROKER_BUFFERS if kafka.serves_as("broker") else ():
            said = kafka.settings.said(name)
            if said.number != _KERNELS_OWN:
                yield from at_least(said, socket_buffer_bytes(0, ROUND_TRIP_S), _KAFKAS[name])


def _queues(view: View) -> Iterator[Violation]:
    for kernel in _kernels(view):
        for name in _QUEUES:
            yield from at_least(kernel.said(name), float(_LEAST.sysctl[name]))


def _maps(view: View) -> Iterator[Violation]:
    for kernel in _kernels(view):
        yield from at_least(kernel.said("vm.max_map_count"), LEAST_MAPS)


def _files(view: View) -> Iterator[Violation]:
    for host in view.hosts:
        if host.open_files is not None:
            said = host.open_files
            if said.text != "infinity":
                yield from at_least(said, LEAST_FILES)


def _page_cache(view: View) -> Iterator[Violation]:
    for kernel in _kernels(view):
        for name in ("vm.swappiness", "vm.dirty_background_ratio"):
            yield from at_most(kernel.said(name), float(_LEAST.sysctl[name]))
        yield from at_least(kernel.said("vm.dirty_ratio"), float(_LEAST.sysctl["vm.dirty_ratio"]))


def _mounts(view: View) -> Iterator[Violation]:
    for host in view.hosts:
        said = host.mount
        if said is None or said.unknown or "noatime" in (said.text or "").split(","):
            continue
        yield not_as_wanted(said, _LEAST.mount_options)


#: Kafka's own, in bytes, where nothing is said.
_KAFKAS = dict(zip(_BROKER_BUFFERS, (65_536, 102_400, 102_400), strict=True))

RULES = (
    Rule(
        name="host-socket-limits",
        family=FAMILY,
        why="What is under way between zones must fit into the sockets, or a link is never full.",
        judge=_limits,
        no_experiment=_SHARED,
        scope=Scope.STACK,
    ),
    Rule(
        name="broker-socket-buffers",
        family=FAMILY,
        why="Followers and clients of another zone get no more than a buffer in a round trip.",
        judge=_buffers,
        no_experiment="zones of one machine are as fast as its memory, whatever the buffers",
    ),
    Rule(
        name="host-queues",
        family=FAMILY,
        why="When a zone is lost all clients come back at once, and those beyond the queue wait.",
        judge=_queues,
        no_experiment=_SHARED,
    ),
    Rule(
        name="host-memory-maps",
        family=FAMILY,
        why="Every segment has two maps; the one beyond the limit ends the broker.",
        judge=_maps,
        no_experiment=_SHARED,
    ),
    Rule(
        name="host-open-files",
        family=FAMILY,
        why="Every segment is four files, every client one; the one beyond the limit is refused.",
        judge=_files,
        no_experiment=_SHARED,
    ),
    Rule(
        name="host-page-cache",
        family=FAMILY,
        why="A host that swaps, or writes all at once, stalls its broker beyond its session.",
        judge=_page_cache,
        no_experiment=_SHARED,
    ),
    Rule(
        name="host-mounts",
        family=FAMILY,
        why="With access times every read of the log is a write.",
        judge=_mounts,
        no_experiment=_SHARED,
    ),
)
