"""A fleet's memory of applied events: opened, asked by the lanes, and kept from growing."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from blueprint.fleet_options import SQLITE
from blueprint.problem import BadInput
from fleet.dedup import (
    ClaimOf,
    DedupSettings,
    IdOf,
    Memory,
    Way,
    claims_by_id,
    claims_by_key,
    own_id,
)
from fleet.dedup_place import place_problem
from fleet.dedup_postgres import PostgresMemory
from fleet.dedup_sqlite import SqliteMemory
from fleet.group import FleetError
from fleet.record import KeyOf, Partition, own_key
from fleet.signals import Signal, SignalKind, Tell

ANSWER_TIMEOUT_S = 30.0
#: Offsets that a group has committed at some time.
Committed = Callable[[], Mapping[Partition, int]]


def open_memory(settings: DedupSettings, scope: str, logs: Mapping[str, str]) -> Memory:
    """The database that remembers for one group.

    Args:
        settings: Which, and how.
        scope: The group.
        logs: The id of each topic.

    Raises:
        BadInput: It cannot be had, or what names it holds a password.
    """
    problem = place_problem(settings.database)
    if problem is not None:
        raise BadInput([problem])
    if settings.database.startswith(SQLITE):
        path = Path(settings.database.removeprefix(SQLITE))
        return SqliteMemory(path, settings, scope, logs)
    return PostgresMemory(settings.database, settings, scope, logs)


def claims_of(settings: DedupSettings, key_of: KeyOf | None, id_of: IdOf | None) -> ClaimOf:
    """How records are claimed; keys are those that order is kept by, or marks would be wrong."""
    if settings.by is Way.IDS:
        return claims_by_id(id_of or own_id, settings.bucket_s)
    return claims_by_key(key_of or own_key)


def logs_of(admin: AdminClient, topics: tuple[str, ...]) -> dict[str, str]:
    """The id that the cluster gave each topic when it was made.

    Raises:
        FleetError: No broker answers.
    """
    # A topic that does not exist is refused by whoever joins the group.
    found: dict[str, str] = {}
    try:
        asked = admin.describe_topics(TopicCollection(list(topics)), request_timeout=10)
        for topic, future in asked.items():
            found[topic] = str(future.result(ANSWER_TIMEOUT_S).topic_id)
    except (KafkaException, TimeoutError) as error:
        raise FleetError(f"the topics' ids cannot be had: {error}") from None
    return found


def committed_of(admin: AdminClient, group: str) -> Committed:
    """Asks the brokers what a group has committed; may raise KafkaException or TimeoutError."""

    def committed() -> dict[Partition, int]:
        asked = [ConsumerGroupTopicPartitions(group)]
        answer = admin.list_consumer_group_offsets(asked)[group].result(ANSWER_TIMEOUT_S)
        known = answer.topic_partitions or []
        return {Partition(p.topic, p.partition): p.offset for p in known if p.offset >= 0}

    return committed


class Purging:
    """Lets a memory forget, every now and then, in a thread of its own."""

    def __init__(self, memory: Memory, committed: Committed, every_s: float, tell: Tell) -> None:
        """Prepare."""
        self._memory, self._committed, self._tell = memory, committed, tell
        self._every_s, self._ended = every_s, threading.Event()
        self._thread = threading.Thread(target=self._serve, name="purging", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """End, once a purge that is under way has ended or ``ANSWER_TIMEOUT_S`` has passed."""
        self._ended.set()
        self._thread.join(ANSWER_TIMEOUT_S)

    def _serve(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._memory.purge(self._committed(), time.time())
            except Exception as error:
                # Whatever it is: the next look does what this one did not, and until then it is
                # only more that is remembered.
                said = " ".join(str(error).split())[:300]
                detail = f"{type(error).__name__}: {said}; tried again in {self._every_s:g} s"
                self._tell(Signal(SignalKind.PURGE_FAILED, detail=detail))
