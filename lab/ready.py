"""Waits until a cluster can be used: brokers unfenced, and the groups' own topic in full sync."""

import time
from collections.abc import Callable, Collection, Mapping
from math import inf

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from blueprint.client_settings import Setting
from lab.problem import LabError

READY_TIMEOUT_S = 60.0
#: A broker that others are so far ahead of will not come by itself: one that had fetched from a
#: first leader of the quorum, and was made to drop that by the second, no longer knows where the
#: controllers are (Kafka 4.3.1 does not read the voters again) and ends after a minute.
STUCK_S = 12.0
_OFFSETS = "__consumer_offsets"
#: Short against the seconds that a start takes, long against one metadata request.
_POLL_S = 0.05
_ASK_S = 5.0


def wait_ready(
    bootstrap: str,
    brokers: Collection[int],
    alive: Callable[[], str],
    security: Mapping[str, Setting],
    start_anew: Callable[[int], None],
) -> None:
    """Wait until all brokers serve and a first group join would not be slow.

    Args:
        bootstrap: Bootstrap servers, one of each broker.
        brokers: The brokers that there must be.
        alive: Names a process that has ended, or says nothing; asked while waiting.
        security: How to say who is asking.
        start_anew: Ends and starts a broker that is stuck.

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
    arrivals = Arrivals(brokers, start_anew)
    _until(
        lambda: arrivals.complete(_serving(client), time.monotonic()),
        deadline,
        alive,
        f"{len(brokers)} brokers to serve",
    )
    # Asking for any group's offsets makes the coordinator create the topic they are kept in.
    group = settings | {"group.id": "quorate-ready"}
    _until(lambda: _ask_offsets(group), deadline, alive, "the group coordinator")
    _until(
        lambda: _in_sync(client, min(len(brokers), 3)),
        deadline,
        alive,
        f"{_OFFSETS} to be in full sync",
    )


class Arrivals:
    """Which brokers serve, and whether one of them is to be started anew."""

    def __init__(self, brokers: Collection[int], start_anew: Callable[[int], None]) -> None:
        """Nobody has come yet."""
        self._due, self._start_anew = set(brokers), start_anew
        self._patient_until_s: float | None = None

    def complete(self, serving: Collection[int], now_s: float) -> bool:
        """Whether all serve; who is ``STUCK_S`` later than the first is started anew, once."""
        missing = self._due.difference(serving)
        if missing and serving:
            if self._patient_until_s is None:
                self._patient_until_s = now_s + STUCK_S
            if now_s > self._patient_until_s:
                self._patient_until_s = inf
                for broker in sorted(missing):
                    self._start_anew(broker)
        return not missing


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


def _serving(client: AdminClient) -> Collection[int]:
    try:
        return client.list_topics(timeout=0.5).brokers
    except KafkaException:
        return ()


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
