"""Takes a zone of the lab away and gives it back."""

import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from blueprint.topology import Role
from chaos.quorum import await_active_controller
from chaos.wire import Wire
from lab.cluster import Lab

_POLL_S = 0.05


def controller_zone(lab: Lab) -> str:
    """The zone of the active controller."""
    leader = await_active_controller(lab.outputs).leader
    return lab.plan.topology.node(leader).zone


def links_of(lab: Lab, zone: str) -> list[str]:
    """Every link that begins or ends in a zone."""
    return [
        link.name
        for link in lab.plan.topology.links()
        if zone in (link.source_zone, link.node.zone)
    ]


def leadership(lab: Lab, topic: str) -> tuple[object, ...]:
    """Leaders with their epochs, unfenced brokers, the active controller with its epoch.

    Raises:
        NoAnswer: The first broker, asked past every link, did not answer.
    """
    broker = next(node for node in lab.outputs.nodes if node.role is Role.BROKER)
    with Wire(lab.outputs) as wire:
        seen = wire.metadata(broker, topic, 5)
    leaders = tuple((p.partition, p.leader, p.epoch) for p in seen.partitions)
    return leaders, seen.brokers, await_active_controller(lab.outputs)


def inject(lab: Lab, zone: str, fault: str) -> None:
    """Kill a zone's processes, or stall every link of it."""
    if fault == "kill":
        lab.kill(*(node.id for node in lab.plan.topology.in_zone(zone)))
    else:
        lab.on_links(links_of(lab, zone), lambda link: link.stall())


def heal(lab: Lab, zone: str, fault: str) -> None:
    """Undo ``inject``."""
    if fault == "kill":
        lab.start(*(node.id for node in lab.plan.topology.in_zone(zone)))
    else:
        lab.heal_links(links_of(lab, zone))


def make_topic(lab: Lab, topic: str, partitions: int) -> None:
    """Create a topic of three replicas and wait until all are in sync, leaders spread."""
    admin = AdminClient({"bootstrap.servers": lab.plan.addresses.bootstrap("a")})
    new = NewTopic(topic, partitions, 3, config={"min.insync.replicas": "2"})
    for made in admin.create_topics([new]).values():
        made.result(30)
    whole(lab, topic, partitions)


def drop_topic(lab: Lab, topic: str) -> None:
    """Delete a topic."""
    admin = AdminClient({"bootstrap.servers": lab.plan.addresses.bootstrap("a")})
    for gone in admin.delete_topics([topic]).values():
        gone.result(30)


def whole(lab: Lab, topic: str, partitions: int, timeout_s: float = 90.0) -> None:
    """Wait until every partition has all its replicas in sync.

    Raises:
        TimeoutError: They were not in time.
    """
    admin = AdminClient({"bootstrap.servers": lab.plan.addresses.bootstrap("a")})

    def in_sync() -> bool:
        found = admin.list_topics(topic, timeout=2).topics[topic].partitions.values()
        return len(found) == partitions and all(len(p.isrs) == 3 for p in found)

    deadline = time.monotonic() + timeout_s
    while not _held(in_sync):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic} was not in full sync within {timeout_s:g} s")
        time.sleep(_POLL_S)


def _held(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except KafkaException:
        return False
