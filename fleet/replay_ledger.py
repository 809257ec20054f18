"""The edge of a replay to the group's ledger: one replay at a time has it, reads it, adds to it."""

import time
from collections.abc import Mapping, Sequence

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from blueprint.client_settings import Setting
from blueprint.problem import BadInput, Problem
from fleet.group import FleetError
from fleet.ledger import Ledger, Replayed, entry_of, to_text

ANSWER_S = 60.0
_POLL_S = 0.2
_MOST = 1000


class LedgerEdge:
    """Holds all partitions of the ledger's topic as a group's only member: that is its lock."""

    def __init__(
        self, topic: str, reader: Mapping[str, Setting], writer: Mapping[str, Setting]
    ) -> None:
        """Make the clients; ``read`` takes the lock."""
        self._topic = topic
        self._consumer, self._producer = Consumer(dict(reader)), Producer(dict(writer))
        self._held: set[int] = set()
        self._lost, self._said = False, ""

    def read(self) -> Ledger:
        """Everything that is written in it now.

        Raises:
            BadInput: There is no such topic.
            FleetError: Another replay has it, no broker answers, or it is broken.
        """
        partitions = self._partitions()
        self._consumer.subscribe(
            [self._topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
        )
        ledger, found = Ledger(), list[Message]()
        deadline_s = time.monotonic() + ANSWER_S
        while self._held != partitions:
            found += self._read_some()
            if time.monotonic() > deadline_s:
                raise FleetError(f"{self._topic} is not to be had: another replay is at work")
        ends = {p: self._ends(p) for p in partitions}
        at = {p: low for p, (low, _) in ends.items()}
        deadline_s = time.monotonic() + ANSWER_S
        while True:
            for message in found:
                self._take(ledger, message)
                at[message.partition() or 0] = (message.offset() or 0) + 1
                deadline_s = time.monotonic() + ANSWER_S
            behind = [p for p, (low, high) in ends.items() if low < high and at[p] < high]
            if not behind:
                break
            if time.monotonic() > deadline_s:
                said = self._said or "no error"
                raise FleetError(f"{self._topic}: nothing comes of partitions {behind}: {said}")
            self._refuse_lost()
            found = self._read_some()
        self._consumer.pause([TopicPartition(self._topic, p) for p in partitions])
        return ledger

    def check(self) -> None:
        """Stay a member; what is written meanwhile is for the next replay.

        Raises:
            FleetError: Another replay has taken over.
        """
        if self._held:
            # Paused: what is read here, and not looked at, is nothing.
            self._read_some(0)
        self._refuse_lost()

    def _refuse_lost(self) -> None:
        if self._lost:
            raise FleetError(f"{self._topic} was taken over by another replay")

    def cross_off(self, entries: Sequence[Replayed]) -> None:
        """Write down what is done.

        Raises:
            FleetError: It is not known to be written.
        """
        failures: list[str] = []

        def answered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        for entry in entries:
            text, key = to_text(entry), str(entry.partition)
            self._producer.produce(self._topic, text, key, on_delivery=answered)
        if self._producer.flush(ANSWER_S) or failures:
            said = failures[0] if failures else f"no answer in {ANSWER_S:g} s"
            raise FleetError(f"{self._topic} cannot be written: {said}")

    def close(self) -> None:
        """Leave."""
        self._held = set()
        self._consumer.close()

    def _partitions(self) -> set[int]:
        try:
            known = self._consumer.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise FleetError(f"no broker answers: {error.args[0].str()}") from None
        if self._topic not in known:
            legal = "a topic that the fleet has written what it put off to"
            raise BadInput([Problem("topic", repr(self._topic), legal)])
        return set(known[self._topic].partitions)

    def _ends(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic, partition)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=ANSWER_S)
        except KafkaException as error:
            raise FleetError(f"{self._topic}: {error.args[0].str()}") from None
        return int(low), int(high)

    def _read_some(self, wait_s: float = _POLL_S) -> list[Message]:
        found = []
        for message in self._consumer.consume(_MOST, wait_s):
            error = message.error()
            if error is None:
                found.append(message)
            else:
                self._said = f"{error.name()}: {error.str()}"
        return found

    def _take(self, ledger: Ledger, message: Message) -> None:
        try:
            ledger.take(entry_of(message.value() or b""))
        except ValueError as error:
            # To go on without it would forget what is owed, or do again what is not.
            place = f"{self._topic}/{message.partition()} at {message.offset()}"
            raise FleetError(f"{place}: {error}") from None

    def _given(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        # Asked here: the client, told to begin at the beginning, gives up where that cannot be had.
        places = [TopicPartition(p.topic, p.partition, self._ends(p.partition)[0]) for p in given]
        consumer.incremental_assign(places)
        self._held |= {p.partition for p in given}

    def _taken(self, _: Consumer, taken: list[TopicPartition]) -> None:
        # Leaving takes them too; by then nothing is held.
        self._lost = bool(self._held)
        self._held -= {p.partition for p in taken}
