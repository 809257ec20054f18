"""The edge to the consumer group: joins, is given and loses partitions, commits, leaves.

Nothing is paused before a record of its lease was read: librdkafka may go on at the position of an
earlier lease, or lose the one it was given (its issues 1802 and 2190).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import chain

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from blueprint.client_settings import GroupProtocol, Setting
from blueprint.problem import BadInput, Problem
from fleet.crew import Crew, handling_of
from fleet.done_ranges import decode
from fleet.leases import Commit, Leases, LeaseState, Start
from fleet.put_off import Journal
from fleet.record import Partition, named, partition_of
from fleet.settings import FleetSettings
from fleet.signals import Signal, SignalKind, Tell
from fleet.under_way import UnderWay

ANSWER_TIMEOUT_S = 30.0
_TRY_S = 5.0
_DRAIN_LOOK_S = 0.002


class FleetError(Exception):
    """The fleet cannot go on; what it says is for people to read."""


class GroupEdge:
    """Used by the polling thread alone; the group's callbacks come inside its polls."""

    def __init__(
        self,
        client: Mapping[str, Setting],
        settings: FleetSettings,
        leases: Leases,
        crew: Crew,
        tell: Tell,
        on_error: Callable[[KafkaError], None],
        journal: Journal | None = None,
    ) -> None:
        """Make the client; it joins with ``join``."""
        self._journal = journal
        self._settings, self._leases, self._crew, self._tell = settings, leases, crew, tell
        self._paused: set[Partition] = set()
        self._moves: dict[Partition, tuple[int, int]] = {}
        self._under_way = UnderWay()
        self._uncommitted: set[Partition] = set()
        self._abandoned = 0
        #: Whether the group has said which partitions are this member's.
        self.assigned = False
        callbacks = {"error_cb": on_error, "on_commit": self._on_commit}
        try:
            self.consumer = Consumer(dict(client) | callbacks)
        except KafkaException as error:
            legal = "settings that librdkafka takes"
            raise BadInput([Problem("client settings", error.args[0].str(), legal)]) from None

    def join(self) -> None:
        """Subscribe.

        Raises:
            FleetError: No broker answers.
            BadInput: A topic does not exist.
        """
        self._check_topics()
        self.consumer.subscribe(
            list(self._settings.topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def pause(self) -> None:
        """Fetch nothing more of what was read from; polls go on. May be repeated."""
        proven = {lease.partition for lease in self._leases if lease.proven}
        self._each(self.consumer.pause, proven - self._paused)
        self._paused |= proven

    def resume(self) -> None:
        """Fetch again."""
        self._flow(self._paused)

    def _flow(self, partitions: Iterable[Partition]) -> None:
        """End the pause of some: it would outlive an assignment, and begin the next one paused."""
        paused = self._paused & set(partitions)
        self._leases.doubt(paused)
        self._each(self.consumer.resume, paused)
        self._paused -= paused

    def reposition(self, partition: Partition, offset: int) -> None:
        """Fetch a partition from another offset on, as soon as the client lets us."""
        lease = self._leases.find(partition)
        if lease is not None:
            self._moves[partition] = (lease.epoch, offset)

    def move(self) -> None:
        """Carry out what ``reposition`` asked for; what is refused is tried again at the next call.

        In the middle of a rebalance the client refuses; a lease that has ended needs it no more.
        """
        for partition, (epoch, offset) in list(self._moves.items()):
            lease = self._leases.find(partition)
            if lease is None or lease.epoch != epoch:
                del self._moves[partition]
                continue
            try:
                self._move(partition, offset)
            except KafkaException as error:
                said = f"cannot be read from {offset} yet: {error.args[0].str()}"
                self._tell(Signal(SignalKind.CLIENT_ERROR, partition, offset, detail=said))
                continue
            del self._moves[partition]

    def _move(self, partition: Partition, offset: int) -> None:
        """Take a partition off the client and put it back elsewhere.

        A seek is refused where fetching has stopped, which is just where an odd log leaves it.
        """
        place = TopicPartition(partition.topic, partition.number, offset)
        self._flow([partition])
        if self._settings.protocol is not GroupProtocol.EAGER:
            # Refused where it is off already; the second call says whether it may be put back.
            with suppress(KafkaException):
                self.consumer.incremental_unassign([place])
            self.consumer.incremental_assign([place])
            return
        others = {lease.partition for lease in self._leases} - {partition}
        self._flow(others)
        self._leases.doubt(others)
        rest = [
            TopicPartition(p.topic, p.number, lease.watermark.delivered_end)
            for p in others
            if (lease := self._leases.find(p)) is not None
        ]
        self.consumer.assign([*rest, place])

    def lags(self) -> dict[Partition, int]:
        """Records between what is done and the end that the last fetch showed, of each partition.

        Nothing of a partition whose end was not seen yet; nobody is asked.
        """
        found = {}
        for lease in self._leases:
            place = TopicPartition(lease.partition.topic, lease.partition.number)
            ends, position = self._ends(place), lease.watermark.position()
            if position is not None and ends >= 0:
                found[lease.partition] = max(0, ends - position)
        return found

    def _ends(self, place: TopicPartition) -> int:
        try:
            seen = self.consumer.get_watermark_offsets(place, cached=True)
        except KafkaException:
            return -1
        return -1 if seen is None else seen[1]

    def commit(self) -> None:
        """Ask for a commit of whatever has news; a refusal is asked again later."""
        commits = self._written_down(self._leases.commits())
        if not commits:
            return
        try:
            self.consumer.commit(offsets=_offsets(commits), asynchronous=True)
        except KafkaException as error:
            self._refused(commits, error.args[0])
        else:
            self._under_way.add(commits)

    def leave(self) -> tuple[int, int]:
        """Drain, commit and leave; returns handlers left behind and partitions not committed."""
        self._give_back([lease.partition for lease in self._leases])
        self.consumer.close()
        return self._abandoned, len(self._uncommitted)

    def _written_down(self, commits: list[Commit]) -> list[Commit]:
        """Those of some commits that pass nothing put off that is not written down."""
        if self._journal is None or not commits:
            return commits
        pairs = [(lease, c) for c in commits if (lease := self._leases.find(c.partition))]
        made = self._journal.record(pairs)
        for commit in commits:
            if commit not in made:
                self._leases.refused(commit)
        return made

    def _check_topics(self) -> None:
        deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
        own = [self._settings.dead_letter_topic, *([self._journal.topic] if self._journal else [])]
        wanted = dict.fromkeys(chain(self._settings.topics, own))
        while True:
            try:
                known = self.consumer.list_topics(timeout=_TRY_S).topics
                break
            except KafkaException as error:
                if time.monotonic() > deadline_s:
                    said = error.args[0].str()
                    raise FleetError(
                        f"no broker answers in {ANSWER_TIMEOUT_S:g} s: {said}"
                    ) from None
        remedy = "make the topic first; topics are not made by reading them"
        missing = [name for name in wanted if name not in known]
        if missing:
            legal = ", ".join(sorted(name for name in known if not name.startswith("__"))[:20])
            raise BadInput(
                [Problem("topic", repr(name), legal or "none exists", remedy) for name in missing]
            )

    def _on_assign(self, _: Consumer, given: list[TopicPartition]) -> None:
        starts = self._starts(given) if given else {}
        self._leases.grant(starts, time.monotonic())
        self.assigned = True
        assigned = [TopicPartition(p.topic, p.number, s.position) for p, s in starts.items()]
        if self._settings.protocol is GroupProtocol.EAGER:
            self.consumer.assign(assigned)
        else:
            self.consumer.incremental_assign(assigned)
        for partition in starts:
            self._tell(Signal(SignalKind.ASSIGNED, partition))

    def _starts(self, given: list[TopicPartition]) -> dict[Partition, Start]:
        """Where the group stands; asked here and not by the client, since it drops the metadata.

        Raises:
            FleetError: The coordinator does not say in time.
        """
        deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            reason = ""
            try:
                found = self.consumer.committed(given, timeout=_TRY_S)
                reason = next((p.error.str() for p in found if p.error is not None), "")
                if not reason:
                    return {Partition(p.topic, p.partition): self._start(p) for p in found}
            except KafkaException as error:
                reason = error.args[0].str()
            if time.monotonic() > deadline_s:
                raise FleetError(f"the group's offsets cannot be had: {reason}")

    def _start(self, committed: TopicPartition) -> Start:
        """Where a partition begins; without a committed offset at what the log has first."""
        at = committed.offset
        if at < 0:
            place = TopicPartition(committed.topic, committed.partition)
            low, _ = self.consumer.get_watermark_offsets(place, timeout=_TRY_S)
            return Start(low)
        return Start(at, tuple(decode(at, committed.metadata)))

    def _on_revoke(self, _: Consumer, taken: list[TopicPartition]) -> None:
        partitions = [Partition(p.topic, p.partition) for p in taken]
        self._give_back(partitions)
        for partition in partitions:
            self._tell(Signal(SignalKind.REVOKED, partition))

    def _on_lost(self, _: Consumer, taken: list[TopicPartition]) -> None:
        partitions = [Partition(p.topic, p.partition) for p in taken]
        self._flow(partitions)
        self._leases.lose(partitions)
        self.assigned = len(self._leases) > 0
        self._crew.sweep()
        for partition in partitions:
            self._tell(Signal(SignalKind.LOST, partition))

    def _give_back(self, partitions: list[Partition]) -> None:
        held = {lease.partition: lease.state for lease in self._leases}
        news = any(held.get(p) is LeaseState.HELD for p in partitions)
        self._leases.begin_release(partitions)
        self._crew.sweep()
        if news:
            self._drain(set(partitions))
        commits = self._leases.commits(partitions)
        made = self._written_down(commits)
        self._uncommitted |= {commit.partition for commit in commits if commit not in made}
        self._commit_now(made)
        self._flow(partitions)
        self._leases.release(partitions)

    def _drain(self, partitions: set[Partition]) -> None:
        """Wait for the handlers that are at a record of these; no other begins any more."""
        deadline_s = time.monotonic() + self._settings.drain_deadline_s
        while (left := handling_of(self._crew.lanes, partitions)) and time.monotonic() < deadline_s:
            self._crew.await_room(_DRAIN_LOOK_S)
        for record in left:
            self._abandoned += 1
            kind, place, key = SignalKind.DRAIN_EXPIRED, partition_of(record), named(record.key())
            seconds, detail = self._settings.drain_deadline_s, "it will be handled again"
            self._tell(Signal(kind, place, record.offset(), key, seconds, detail))

    def _commit_now(self, commits: list[Commit]) -> None:
        if not commits:
            return
        # What is still under way is older: its answer, heard later, would say less than is so.
        for commit in commits:
            self._under_way.drop(commit.partition)
        try:
            answered = self.consumer.commit(offsets=_offsets(commits), asynchronous=False)
        except KafkaException as error:
            self._refused(commits, error.args[0])
            self._uncommitted |= {commit.partition for commit in commits}
            return
        errors = {(p.topic, p.partition): p.error for p in answered}
        for commit in commits:
            why = errors.get(commit.partition)
            if why is not None:
                self._refused([commit], why)
                self._uncommitted.add(commit.partition)
            else:
                self._confirmed(commit)
                self._uncommitted.discard(commit.partition)

    def _on_commit(self, error: KafkaError | None, answered: list[TopicPartition]) -> None:
        for at in answered:
            commit = self._under_way.answered(Partition(at.topic, at.partition), at.offset)
            if commit is None:
                continue
            why = error or at.error
            if why is None:
                self._confirmed(commit)
            else:
                self._refused([commit], why)

    def _confirmed(self, commit: Commit) -> None:
        self._leases.confirmed(commit)
        self._tell(Signal(SignalKind.COMMITTED, commit.partition, commit.offset))

    def _refused(self, commits: Iterable[Commit], error: KafkaError) -> None:
        for commit in commits:
            self._leases.refused(commit)
            kind, detail = SignalKind.COMMIT_FAILED, f"{error.name()}: {error.str()}"
            self._tell(Signal(kind, commit.partition, commit.offset, detail=detail))

    def _each(
        self, act: Callable[[list[TopicPartition]], None], partitions: Iterable[Partition]
    ) -> None:
        """Pause or resume one by one: one that is just being taken away must not stop the rest."""
        for partition in partitions:
            try:
                act([TopicPartition(partition.topic, partition.number)])
            except KafkaException as error:
                said = error.args[0].str()
                self._tell(Signal(SignalKind.CLIENT_ERROR, partition, detail=said))


def _offsets(commits: Iterable[Commit]) -> list[TopicPartition]:
    # The binding keeps "no metadata" and empty metadata apart; the broker does not.
    return [
        TopicPartition(c.partition.topic, c.partition.number, c.offset, c.metadata) for c in commits
    ]
