"""A consumer without manners: the start of each partition, as fast as it comes, over and over.

On Kafka's own protocol: a client library would spend its time on records that nobody looks at, and
the brokers would have it easy. Layout: Kafka's protocol guide, Fetch v4.
"""

import struct
import sys
import threading
import time
from pathlib import Path

from blueprint.outputs import NodeOutput
from blueprint.outputs import load as load_outputs
from blueprint.topology import Role
from chaos.identity import suite_credentials
from chaos.line import dialler, wire_text
from chaos.wire import NoAnswer, Wire
from chaos.workload.spec import GreedySpec, Orders, read_fields, say

REPORT_S = 0.25
_FETCH, _FETCH_VERSION = 1, 4
#: Of each answer, and of each partition in it.
MOST_BYTES = 10_000_000
#: A muted connection answers late: longer than a quota's longest delay.
_ANSWER_TIMEOUT_S = 60.0
_ASK_TIMEOUT_S = 5.0
_AGAIN_S = 0.2


class Greedy:
    """Connections to every broker, each with one question after the other."""

    def __init__(self, spec: GreedySpec, orders: Orders) -> None:
        """Prepare; nothing is connected yet."""
        self._spec, self._orders = spec, orders
        self._outputs = load_outputs(Path(spec.outputs).read_text())
        own = suite_credentials(self._outputs)
        self._dialler = dialler(self._outputs.security, own, spec.client.encode())
        self._lock = threading.Lock()
        self._bytes = self._throttled_ms = 0

    def run(self) -> None:
        """Read until told to stop."""
        brokers = [node for node in self._outputs.nodes if node.role is Role.BROKER]
        for broker in brokers * self._spec.connections:
            threading.Thread(target=self._serve, args=(broker,), daemon=True).start()
        while not self._orders.stop.wait(REPORT_S):
            with self._lock:
                read, throttled_s = self._bytes, self._throttled_ms / 1000
            say("greedy", read_bytes=read, throttled_s=throttled_s)

    def _serve(self, broker: NodeOutput) -> None:
        while not self._orders.stop.is_set():
            try:
                self._read(broker)
            except (OSError, NoAnswer):
                # Another leader, or a broker that is away: see who leads, and go on.
                self._orders.stop.wait(_AGAIN_S)

    def _read(self, broker: NodeOutput) -> None:
        """Ask a broker for what it leads until that fails."""
        body = _fetch(self._spec.topic, self._led_by(broker))
        line = self._dialler.dial(broker, time.monotonic() + _ASK_TIMEOUT_S)
        try:
            while not self._orders.stop.is_set():
                deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
                answer = line.ask(_FETCH, _FETCH_VERSION, body, deadline_s)
                (throttled_ms,) = struct.unpack_from(">i", answer)
                with self._lock:
                    self._bytes += len(answer)
                    self._throttled_ms += throttled_ms
        finally:
            line.close()

    def _led_by(self, broker: NodeOutput) -> list[int]:
        with Wire(self._outputs) as wire:
            seen = wire.metadata(broker, self._spec.topic, _ASK_TIMEOUT_S)
        return [state.partition for state in seen.partitions if state.leader == broker.id]


def _fetch(topic: str, partitions: list[int]) -> bytes:
    """What a consumer asks: at once, of whatever there is from the start on."""
    asked = b"".join(struct.pack(">iqi", partition, 0, MOST_BYTES) for partition in partitions)
    of_topic = wire_text(topic) + struct.pack(">i", len(partitions)) + asked
    return struct.pack(">iiiibi", -1, 0, 1, MOST_BYTES, 0, 1) + of_topic


def main() -> int:
    """Read until told to stop."""
    Greedy(GreedySpec(**read_fields()), Orders()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
