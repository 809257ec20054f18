"""Reads one replica of every partition from start to pinned end, and proves which replica it was.

The broker of the reader's rack serves the fetches (KIP-392); librdkafka's statistics name the
broker each partition is fetched from, and the read counts only where that is the wanted one.
"""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from chaos.history.spool import Spool
from chaos.history.tables import FINAL_TABLE
from chaos.payload import attribute
from chaos.workload.spec import FinalReadSpec, Orders, read_fields, say

_MOST_AT_ONCE = 5000
_WAIT_S = 0.2
STATISTICS_MS = 200


class FinalReader:
    """One replica's read."""

    def __init__(self, spec: FinalReadSpec, spool: Spool, orders: Orders) -> None:
        """Prepare the client."""
        self._spec, self._spool, self._orders = spec, spool, orders
        self._left = {int(p): end for p, end in spec.ends.items() if end > spec.starts[p]}
        self._unproven = self._left.keys() & set(spec.kept)
        self._provable = self._unproven & set(spec.alone)
        self._read = 0
        self._error = ""
        self._consumer = Consumer(
            {**spec.settings, "stats_cb": self._statistics, "statistics.interval.ms": STATISTICS_MS}
        )

    def run(self) -> None:
        """Read to the ends and wait for the proof; says how far it came."""
        begins = self._spec.starts
        self._consumer.assign(
            [TopicPartition(self._spec.topic, p, begins[str(p)]) for p in self._left]
        )
        deadline = time.monotonic() + self._spec.timeout_s
        while (self._left or self._unproven & self._provable) and not self._error:
            if time.monotonic() > deadline or self._orders.stop.is_set():
                break
            for message in self._consumer.consume(_MOST_AT_ONCE, _WAIT_S):
                self._take(message)
        self._spool.flush()
        self._consumer.close()
        say(
            "final-read",
            replica=self._spec.replica,
            read=self._read,
            unread=sorted(self._left),
            unproven=sorted(self._unproven),
            error=self._error,
        )

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._at_end(message.partition() or 0, message.offset() or 0)
            elif not error.retriable():
                self._error = error.name()
            return
        partition, offset = message.partition() or 0, message.offset() or 0
        end = self._left.get(partition)
        if end is None or offset >= end:
            return
        value = message.value() or b""
        producer, sequence, intact = attribute(value, self._spec.run, partition)
        self._spool.add((partition, self._spec.replica, offset, producer, sequence, intact))
        self._read += 1
        if offset + 1 == end:
            del self._left[partition]

    def _at_end(self, partition: int, offset: int) -> None:
        """Behind the last record of a transaction stands its end, which nobody is given."""
        end = self._left.get(partition)
        if end is not None and offset >= end:
            del self._left[partition]

    def _statistics(self, text: str) -> None:
        topic = json.loads(text)["topics"].get(self._spec.topic, {})
        for partition in list(self._unproven - set(self._left)):
            seen = topic.get("partitions", {}).get(str(partition), {})
            if seen.get("broker") == self._spec.replica:
                self._unproven.discard(partition)


def main() -> int:
    """Run one final read."""
    spec = FinalReadSpec(**read_fields())
    with Spool(spec.history, FINAL_TABLE, f"f{spec.replica}") as spool:
        FinalReader(spec, spool, Orders()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
