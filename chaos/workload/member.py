"""A member of the consumer group: processes records, writes them down, then commits."""

import sys
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chaos.history.spool import Spool
from chaos.history.tables import CONSUMED_TABLE
from chaos.payload import attribute
from chaos.workload.spec import MemberSpec, Orders, read_fields, say

COMMIT_S = 0.5
REPORT_S = 0.25
_MOST_AT_ONCE = 1000
_WAIT_S = 0.1


class Member:
    """Processing is writing the row: a commit says that every row below it is on disk."""

    def __init__(self, spec: MemberSpec, spool: Spool, orders: Orders) -> None:
        """Prepare the client; it joins with ``run``."""
        self._spec, self._spool, self._orders = spec, spool, orders
        self._positions: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._count = 0
        self._committed_s = self._reported_s = time.monotonic()
        self._consumer = Consumer({**spec.settings, "on_commit": self._on_commit, "log_level": 4})

    def run(self) -> None:
        """Join, process until told to stop, leave in order."""
        self._consumer.subscribe(
            [self._spec.topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        while not self._orders.stop.is_set():
            self._process(self._consumer.consume(_MOST_AT_ONCE, _WAIT_S))
            self._commit()
            self._report()
        if not self._orders.abandoned.is_set():
            self._commit_now(self._positions)
        self._spool.flush()
        self._consumer.close()
        say("member-exit", member=self._spec.index)

    def _process(self, messages: list[Message]) -> None:
        run, member = self._spec.run, self._spec.index
        for message in messages:
            if message.error() is not None:
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            read_ns = time.monotonic_ns()
            producer, sequence, intact = attribute(message.value() or b"", run, partition)
            self._spool.add((partition, member, offset, producer, sequence, read_ns, intact))
            self._positions[partition] = offset + 1
            self._count += 1

    def _commit(self) -> None:
        if time.monotonic() - self._committed_s < COMMIT_S:
            return
        self._committed_s = time.monotonic()
        news = {p: o for p, o in self._positions.items() if self._committed.get(p) != o}
        if news:
            # Rows first: what is committed will never be processed again.
            self._spool.flush()
            offsets = [TopicPartition(self._spec.topic, p, o) for p, o in news.items()]
            self._quietly(lambda: self._consumer.commit(offsets=offsets, asynchronous=True))
            self._committed |= news

    def _commit_now(self, positions: dict[int, int]) -> None:
        if not positions:
            return
        self._spool.flush()
        offsets = [TopicPartition(self._spec.topic, p, o) for p, o in positions.items()]
        self._quietly(lambda: self._consumer.commit(offsets=offsets, asynchronous=False))

    def _quietly(self, commit: Callable[[], object]) -> None:
        try:
            commit()
        except KafkaException as error:
            # A commit that fails is made again; what it covered may be processed twice.
            self._committed.clear()
            say("commit-failed", member=self._spec.index, error=str(error.args[0].name()))

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if error is not None:
            self._committed.clear()
            return
        offsets = {p.partition: p.offset for p in partitions if p.error is None and p.offset >= 0}
        if offsets:
            say("commit", member=self._spec.index, offsets=offsets)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        given = [partition.partition for partition in partitions]
        say("assign", member=self._spec.index, partitions=given)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        taken = [partition.partition for partition in partitions]
        self._commit_now({p: self._positions[p] for p in taken if p in self._positions})
        self._forget(taken)
        say("revoke", member=self._spec.index, partitions=taken)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        # They belong to someone else already: a commit now could undo that one's.
        taken = [partition.partition for partition in partitions]
        self._forget(taken)
        say("lost-partitions", member=self._spec.index, partitions=taken)

    def _forget(self, partitions: list[int]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)
            self._committed.pop(partition, None)

    def _report(self) -> None:
        at_s = time.monotonic()
        if at_s - self._reported_s >= REPORT_S:
            positions = dict(self._positions)
            say("reads", member=self._spec.index, count=self._count, positions=positions)
            self._count, self._reported_s = 0, at_s


def main() -> int:
    """Run one member until it is told to stop."""
    spec = MemberSpec(**read_fields())
    with Spool(spec.history, CONSUMED_TABLE, f"m{spec.index}") as spool:
        Member(spec, spool, Orders()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
