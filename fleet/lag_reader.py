"""The edge of lag: asks a cluster for committed offsets, ends, members and time stamps.

One look costs a request for the group's offsets, one for its members, and one for the ends and one
for the beginnings to each broker, however many partitions there are. Time stamps are read from the
log: at most ``STAMPS_A_LOOK`` records a look, within ``STAMPS_S``; what was seen is not read again.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar, cast

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import (
    EarliestSpec,
    LatestSpec,
    ListOffsetsResultInfo,
    OffsetSpec,
)

from blueprint.client_settings import Setting
from fleet.group import FleetError
from fleet.lag import GroupLook, PartitionLook
from fleet.placing import GivesClients
from fleet.record import Partition

ANSWER_S = 10.0
STAMPS_A_LOOK, STAMPS_S = 64, 2.0
_POLL_S = 0.1
Answer = TypeVar("Answer")
#: The client's own specs, which it leaves untyped.
_EARLIEST = cast(Callable[[], OffsetSpec], EarliestSpec)()
_LATEST = cast(Callable[[], OffsetSpec], LatestSpec)()
Ends = dict[Partition, tuple[int, int]]


class LagReader:
    """Reads; joins no group and commits nothing."""

    def __init__(self, place: GivesClients) -> None:
        """Make its clients.

        Raises:
            BadInput: What was given does not fit the stack.
        """
        quiet: dict[str, Setting] = {"log_level": 0}
        self._admin = AdminClient(dict(place.admin() | quiet))
        self._stamp_client = place.stamps("quorate-lag") | quiet
        self._stamps: dict[tuple[str, Partition], tuple[int, int]] = {}

    def groups(self) -> list[str]:
        """The groups of the cluster.

        Raises:
            FleetError: No broker answers.
        """
        found = _answered(self._admin.list_consumer_groups(request_timeout=ANSWER_S))
        return sorted(group.group_id for group in found.valid)

    def read(self, group: str, topics: Iterable[str] = (), *, stamps: bool = True) -> GroupLook:
        """One look at a group.

        Args:
            group: Which.
            topics: Beside those of which it has committed something.
            stamps: Whether time lag is wanted.

        Raises:
            FleetError: No broker answers, or one says no.
        """
        committed = self.committed(group)
        wanted = self._partitions({p.topic for p in committed} | set(topics))
        ends, unknown = self._ends(wanted)
        looks = [PartitionLook(p, committed.get(p), *ends[p]) for p in sorted(ends)]
        if stamps:
            self._look_up(group, looks)
        at_s = time.time()
        found = tuple(self._stamped(group, look) for look in looks)
        return GroupLook(group, at_s, found, self._instances(group), tuple(unknown))

    def committed(self, group: str) -> dict[Partition, int]:
        """Where a group stands; without the partitions that it has not committed yet.

        Raises:
            FleetError: No broker answers, or one says no.
        """
        asked = [ConsumerGroupTopicPartitions(group)]
        try:
            future = self._admin.list_consumer_group_offsets(asked, request_timeout=ANSWER_S)[group]
            answer = _answered(future)
        except _Refused as error:
            if error.code == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise
        found = answer.topic_partitions or []
        return {Partition(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def _partitions(self, topics: set[str]) -> list[Partition]:
        if not topics:
            return []
        try:
            known = self._admin.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise _Refused(error.args[0]) from None
        return [
            Partition(topic, number)
            for topic in sorted(topics & known.keys())
            for number in sorted(known[topic].partitions)
        ]

    def _ends(self, wanted: list[Partition]) -> tuple[Ends, list[Partition]]:
        """Where each log begins and ends; and which have no leader that says so."""
        if not wanted:
            return {}, []
        lows, highs = (
            self._admin.list_offsets(
                {TopicPartition(p.topic, p.number): spec for p in wanted},
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=ANSWER_S,
            )
            for spec in (_EARLIEST, _LATEST)
        )
        low, high = _offsets(lows), _offsets(highs)
        ends = {p: (low[p], high[p]) for p in wanted if p in low and p in high}
        return ends, [p for p in wanted if p not in ends]

    def _instances(self, group: str) -> int | None:
        """Members that have partitions, if the group's coordinator says."""
        try:
            future = self._admin.describe_consumer_groups([group], request_timeout=ANSWER_S)[group]
            found = _answered(future)
        except _Refused:
            return None
        return sum(bool(m.assignment and m.assignment.topic_partitions) for m in found.members)

    def _stamped(self, group: str, look: PartitionLook) -> PartitionLook:
        known = self._stamps.get((group, look.partition))
        if not look.lag_records or known is None or known[0] > look.position:
            return look
        place, low = look.partition, look.low
        return PartitionLook(place, look.committed, low, look.end, known[1])

    def _look_up(self, group: str, looks: Iterable[PartitionLook]) -> None:
        """Read the oldest record that waits of some partitions: first of those unseen longest."""
        stamps = self._stamps
        behind = [look for look in looks if look.lag_records]
        stale = [k for k in behind if stamps.get((group, k.partition), (-1, 0))[0] != k.position]
        stale.sort(key=lambda k: stamps.get((group, k.partition), (-1, 0))[1])
        chosen = {look.partition: look.position for look in stale[:STAMPS_A_LOOK]}
        if chosen:
            for partition, stamp_ms in _read_stamps(self._stamp_client, chosen).items():
                stamps[group, partition] = (chosen[partition], stamp_ms)


class _Refused(FleetError):
    """A broker's no, or silence."""

    def __init__(self, error: KafkaError) -> None:
        """Keep its code."""
        self.code = error.code()
        super().__init__(f"lag cannot be read: {error.name()}: {error.str()}")


def _answered(future: "Future[Answer]") -> Answer:
    try:
        return future.result(ANSWER_S + 1)
    except KafkaException as error:
        raise _Refused(error.args[0]) from None
    except TimeoutError:
        raise FleetError(f"lag cannot be read: no answer in {ANSWER_S:g} s") from None


def _offsets(
    asked: Mapping[TopicPartition, "Future[ListOffsetsResultInfo]"],
) -> dict[Partition, int]:
    found = {}
    for place, future in asked.items():
        try:
            answer = _answered(future)
        except FleetError:
            # A partition without a leader: the others say their ends all the same.
            continue
        if answer.offset >= 0:
            found[Partition(place.topic, place.partition)] = answer.offset
    return found


def _read_stamps(
    client: Mapping[str, Setting], wanted: Mapping[Partition, int]
) -> dict[Partition, int]:
    """When the first record at or above each offset was written, of those that answer in time."""
    reader, found = Consumer(dict(client)), dict[Partition, int]()
    left = dict(wanted)
    deadline_s = time.monotonic() + STAMPS_S
    try:
        reader.assign([TopicPartition(p.topic, p.number, at) for p, at in wanted.items()])
        while left and time.monotonic() < deadline_s:
            for message in reader.consume(len(left), _POLL_S):
                topic, number = message.topic(), message.partition()
                if topic is None or number is None:
                    continue
                kind, stamp_ms = message.timestamp()
                if left.pop(Partition(topic, number), None) is None or message.error() is not None:
                    continue
                if kind:
                    found[Partition(topic, number)] = stamp_ms
    finally:
        reader.close()
    return found
