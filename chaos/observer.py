"""Watches the cluster from beside it: leaders, ISR, the active controller, offsets, the clock."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.topology import Role
from chaos.history.write import EventLog
from chaos.identity import client_identity
from chaos.quorum import active_controller
from chaos.wire import Metadata, NoAnswer, PartitionState, Quorum, Wire

POLL_S = 0.2
OFFSETS_POLL_S = 1.0
_ASK_TIMEOUT_S = 0.5
_OFFSETS_TIMEOUT_S = 2.0
_CLOCK_POLL_S = 1.0
#: Smaller differences are the reading of two clocks one after the other.
_CLOCK_NOISE_S = 0.05


class Observer:
    """Threads that write what they see into the event log until closed."""

    def __init__(
        self, outputs: StackOutputs, topic: str, group: str, partitions: int, log: EventLog
    ) -> None:
        """Bind to a cluster, a topic and the log to write.

        Raises:
            BadInput: The suite's credentials cannot be had.
        """
        self._wire, self._identity = Wire(outputs), client_identity(outputs)
        self._outputs, self._topic, self._group = outputs, topic, group
        self._partitions = partitions
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._seen: dict[int, PartitionState] = {}
        self._epoch = -1
        self._log = log

    def start(self) -> None:
        """Begin to watch."""
        for watch in (self._watch_cluster, self._watch_offsets, self._watch_clock):
            thread = threading.Thread(target=watch, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop watching."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _watch_cluster(self) -> None:
        brokers = [node for node in self._outputs.nodes if node.role is Role.BROKER]
        with ThreadPoolExecutor(len(brokers) + 1) as pool:
            while not self._stop.wait(POLL_S):
                leading = pool.submit(active_controller, self._wire, _ASK_TIMEOUT_S)
                views = list(pool.map(self._ask, brokers))
                self._merge({n.id: v for n, v in zip(brokers, views, strict=True) if v})
                self._see_controller(leading.result())

    def _ask(self, node: NodeOutput) -> Metadata | None:
        with suppress(NoAnswer):
            return self._wire.metadata(node, self._topic, _ASK_TIMEOUT_S)
        return None

    def _merge(self, views: dict[int, Metadata]) -> None:
        """Per partition the newest leader epoch wins, and in it the leader's own word."""
        newest: dict[int, tuple[tuple[int, bool], PartitionState]] = {}
        for broker, view in views.items():
            for state in view.partitions:
                rank = (state.epoch, state.leader == broker)
                if state.partition not in newest or rank > newest[state.partition][0]:
                    newest[state.partition] = (rank, state)
        for partition, (_, state) in newest.items():
            before = self._seen.get(partition)
            # A broker that lags behind must not take back what a newer epoch has shown.
            if before == state or (before and before.epoch > state.epoch):
                continue
            self._seen[partition] = state
            self._log.add(
                "isr",
                partition=partition,
                leader=state.leader,
                epoch=state.epoch,
                isr=list(state.isr),
            )

    def _see_controller(self, quorum: Quorum | None) -> None:
        if quorum is not None and quorum.epoch > self._epoch:
            self._epoch = quorum.epoch
            self._log.add("controller", leader=quorum.leader, epoch=quorum.epoch)

    def _watch_offsets(self) -> None:
        wanted = [TopicPartition(self._topic, p) for p in range(self._partitions)]
        readers = [
            Consumer(
                {
                    "bootstrap.servers": servers,
                    "group.id": self._group,
                    "enable.auto.commit": False,
                    "log_level": 0,
                    "socket.timeout.ms": 2000,
                    **self._identity,
                }
            )
            for servers in self._outputs.bootstrap_servers.values()
        ]
        current = 0
        while not self._stop.wait(OFFSETS_POLL_S):
            try:
                found = readers[current].committed(wanted, timeout=_OFFSETS_TIMEOUT_S)
            except KafkaException:
                # Another zone may still reach the coordinator.
                current = (current + 1) % len(readers)
                continue
            offsets = {
                str(p.partition): p.offset for p in found if p.error is None and p.offset >= 0
            }
            if offsets:
                self._log.add("offsets", offsets=offsets)
        for reader in readers:
            reader.close()

    def _watch_clock(self) -> None:
        apart_s = time.time() - time.monotonic()
        while not self._stop.wait(_CLOCK_POLL_S):
            now_s = time.time() - time.monotonic()
            if abs(now_s - apart_s) > _CLOCK_NOISE_S:
                self._log.add("clock", jump_s=round(now_s - apart_s, 3))
                apart_s = now_s
