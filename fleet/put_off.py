"""The edge to the ledger: what a member puts off is written there before the commit passes it."""

import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from blueprint.client_settings import Setting
from fleet.leases import Commit, Lease
from fleet.ledger import Entry, to_text
from fleet.notes import PUT_OFF, Notes
from fleet.record import Partition
from fleet.signals import Signal, SignalKind, Tell
from fleet.watermark import Mark

#: A commit waits so long for its entries; then it is made another time.
ANSWER_S = 5.0
#: What is put off is said in sums, so often.
SAY_EVERY_S = 10.0
_PURGE_S = 0.5


class Journal:
    """Used by the polling thread alone; it waits for the broker's answer, some milliseconds."""

    def __init__(self, topic: str, client: Mapping[str, Setting], tell: Tell) -> None:
        """Make the producer."""
        self.topic, self._tell = topic, tell
        self._producer = Producer(dict(client))
        self._notes = Notes(uuid.uuid4().hex[:12])
        self._failures: dict[Partition, str] = {}
        self._unsaid = dict.fromkeys(PUT_OFF, 0)
        self._said_s = time.monotonic()

    def record(self, pairs: Iterable[tuple[Lease, Commit]]) -> list[Commit]:
        """Write down what some commits pass; returns those that may be made."""
        chosen, made = list(pairs), list[Commit]()
        entries = [e for lease, commit in chosen for e in self._notes.entries(lease, commit)]
        if entries:
            self._write(entries)
        for lease, commit in chosen:
            why = self._failures.pop(commit.partition, None)
            if why is not None:
                kind = SignalKind.DEFERRAL_FAILED
                self._tell(Signal(kind, commit.partition, commit.offset, detail=why))
                continue
            made.append(commit)
            for mark, count in self._notes.written(lease, commit).items():
                self._unsaid[mark] += count
        if time.monotonic() - self._said_s >= SAY_EVERY_S:
            self.say()
        return made

    def say(self) -> None:
        """Say what was put off since it was last said."""
        self._said_s = time.monotonic()
        deferred, skipped = self._unsaid[Mark.DEFERRED], self._unsaid[Mark.SKIPPED]
        if deferred or skipped:
            detail = f"{deferred:,} records deferred, {skipped:,} skipped; `replay` does the rest"
            self._tell(Signal(SignalKind.DEFERRED, detail=detail))
        self._unsaid = dict.fromkeys(PUT_OFF, 0)

    def _write(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._produce(entry)
        if self._producer.flush(ANSWER_S):
            # What is under way may be written or not: nothing that it covers is committed.
            with suppress(KafkaException):
                self._producer.purge()
                self._producer.flush(_PURGE_S)

    def _produce(self, entry: Entry) -> None:
        partition = entry.partition

        def answered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._failures[partition] = f"{self.topic}: {error.str()}"

        try:
            self._producer.produce(self.topic, to_text(entry), str(partition), on_delivery=answered)
        except (BufferError, KafkaException) as error:
            self._failures[partition] = f"{self.topic}: {error}"
