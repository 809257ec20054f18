"""Waits until a cluster can be used: brokers unfenced, and the groups' own topic in full sync."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from blueprint.client_settings import Setting
from lab.problem import LabError

READY_TIMEOUT_S = 60.0
_OFFSETS = "__consumer_offsets"
#: Short against the seconds that a start takes, long against one metadata request.
_POLL_S = 0.05
_ASK_S = 5.0


def wait_ready(
    bootstrap: str, brokers: int, alive: Callable[[], str], security: Mapping[str, Setting]
) -> None:
    """Wait until all brokers serve and a first group join would not be slow.

    Args:
        bootstrap: Bootstrap servers.
        brokers: How many brokers there must be.
        alive: Names a process that has ended, or says nothing; asked while waiting.
        security: How to say who is asking.

    Raises:
        LabError: A process ended or the cluster was not ready in time.
    """
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 100,
        "retry.backoff.ms": 20,
        "retry.backoff.max.ms": 100,
        "socket.timeout.ms": 3000,
        **security,
    }
    client = AdminClient(settings)
    deadline = time.monotonic() + READY_TIMEOUT_S
    _until(lambda: _serving(client, brokers), deadline, alive, f"{brokers} brokers to serve")
    # Asking for any group's offsets makes the coordinator create the topic they are kept in.
    group = settings | {"group.id": "quorate-ready"}
    _until(lambda: _ask_offsets(group), deadline, alive, "the group coordinator")
    _until(
        lambda: _in_sync(client, min(brokers, 3)), deadline, alive, f"{_OFFSETS} to be in full sync"
    )


def _until(
    condition: Callable[[], bool], deadline: float, alive: Callable[[], str], what: str
) -> None:
    while not condition():
        ended = alive()
        if ended:
            raise LabError(f"{ended} ended while the cluster started; its log says why")
        if time.monotonic() > deadline:
            raise LabError(f"waited {READY_TIMEOUT_S:.0f} s in vain for {what}; see the lab's logs")
        time.sleep(_POLL_S)


def _serving(client: AdminClient, brokers: int) -> bool:
    try:
        return len(client.list_topics(timeout=0.5).brokers) >= brokers
    except KafkaException:
        return False


def _ask_offsets(settings: Mapping[str, str | int | float | bool]) -> bool:
    """By a client that knows nothing yet.

    One that had begun to ask too early was once seen to get no answer for a minute.
    """
    group = Consumer(dict(settings))
    try:
        group.committed([TopicPartition(_OFFSETS, 0)], timeout=_ASK_S)
    except KafkaException:
        return False
    finally:
        group.close()
    return True


def _in_sync(client: AdminClient, replicas: int) -> bool:
    try:
        topic = client.list_topics(_OFFSETS, timeout=0.5).topics[_OFFSETS]
    except (KafkaException, KeyError):
        return False
    partitions = topic.partitions.values()
    return bool(partitions) and all(len(partition.isrs) >= replicas for partition in partitions)
