"""From a commit to the consumer that reads its event: latency at two rates, and what is sustained.

Connect on a lab of three zones, a PostgreSQL beside it; standalone, and distributed exactly once,
where each look at the log is a transaction of Kafka's. A writer commits at a rate, one event a
transaction, or many where one a transaction would measure the writer. Each payload says when its
transaction was about to be committed, so that the time of the commit itself is counted too.
Brokers and Connect are warmed up first: what is compiled late is not counted.
"""

import json
import statistics
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.sections import table_of
from blueprint.connector import MadeTopics, WorkerMode
from blueprint.failover_profile import BALANCED
from fleet.outbox import Event, make_outbox, write
from lab.cluster import Lab
from lab.config import LabConfig
from lab.connect import Connect
from lab.postgres import Postgres, free_port

RESULTS = Path(__file__).parent / "results" / "cdc.json"
PARTITIONS, KEYS, PAYLOAD_BYTES = 12, 2_000, 256
WARM_S, HEAT_S = 3.0, 25.0
#: Events per second, and how many of them share a transaction.
RATES = ((100, 1), (3_000, 15))
#: As many as there are before the connector is started again: how quickly they are drained.
BACKLOG = 60_000
_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """What one rate showed, in milliseconds from before the commit to its event's reading.

    Attributes:
        mode: Of Connect.
        per_s: That were read per second while it was written.
    """

    mode: WorkerMode
    wanted_per_s: int
    per_s: float
    p50_ms: float
    p99_ms: float
    events: int


class Reader:
    """Reads a topic from its end on, in a thread, and notes when it read what."""

    def __init__(self, servers: str, topic: str) -> None:
        """Begin."""
        settings = {"bootstrap.servers": servers, "group.id": "bench", "log_level": 0}
        self._consumer = Consumer({**settings, "isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
        #: When each was about to be committed, and when it was read.
        self.seen: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def until(self, count: int, timeout_s: float = _END_S) -> None:
        """Wait until so many were read.

        Raises:
            TimeoutError: They were not.
        """
        deadline_s = time.monotonic() + timeout_s
        while len(self.seen) < count:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{len(self.seen):,} of {count:,} events were read")
            time.sleep(0.01)

    def end(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            for record in self._consumer.consume(500, 0.002):
                if record.error() is None:
                    said = (record.value() or b"").split(b" ", 1)[0]
                    self.seen.append((float(said), time.time()))


@dataclass(frozen=True, slots=True)
class Place:
    """Where events go: the database they are written to, and the cluster they are read from."""

    dsn: str
    servers: str
    mode: WorkerMode


def events(topic: str, count: int, first: int) -> list[Event]:
    """Events that say when they were made."""
    said = f"{time.time():.6f} ".encode().ljust(PAYLOAD_BYTES, b".")
    return [Event(topic, f"k{number % KEYS}", said) for number in range(first, first + count)]


def latency(place: Place, rate: int, together: int, span_s: float) -> Latency:
    """Write at a rate for a time, and see when each event is read."""
    topic = made_topic(place.servers)
    reader, written = Reader(place.servers, topic), 0
    try:
        with psycopg.connect(place.dsn) as connection:
            begun_s = time.monotonic()
            while (now_s := time.monotonic()) - begun_s < WARM_S + span_s:
                due_s = begun_s + written / rate
                if due_s > now_s:
                    time.sleep(due_s - now_s)
                # What is late is written late: a rate that cannot be held shows in the count.
                write(connection, events(topic, together, written))
                connection.commit()
                written += together
        reader.until(written)
    finally:
        reader.end()
    first_s = reader.seen[0][0] + WARM_S
    counted = [(made_s, read_s) for made_s, read_s in reader.seen if made_s >= first_s]
    took_ms = sorted((read_s - made_s) * 1000 for made_s, read_s in counted)
    span = max(read_s for _, read_s in counted) - min(read_s for _, read_s in counted)
    p99 = statistics.quantiles(took_ms, n=100)[98]
    return Latency(
        place.mode, rate, len(counted) / span, statistics.median(took_ms), p99, len(counted)
    )


def drained_per_s(place: Place, connect: Connect) -> float:
    """Events per second while what was committed without a connector is caught up with."""
    topic = made_topic(place.servers)
    connect.stop()
    with psycopg.connect(place.dsn) as connection:
        for first in range(0, BACKLOG, 1000):
            write(connection, events(topic, 1000, first))
            connection.commit()
    reader = Reader(place.servers, topic)
    try:
        connect.start()
        reader.until(BACKLOG, 2 * _END_S)
    finally:
        reader.end()
    # The first and last tenth are its start and its end.
    read = [read_s for _, read_s in reader.seen]
    low, high = BACKLOG // 10, BACKLOG - BACKLOG // 10
    return (high - low) / (read[high] - read[low])


def made_topic(servers: str) -> str:
    """A topic of one measurement."""
    name = f"cdc-{uuid.uuid4().hex[:8]}"
    new = NewTopic(name, PARTITIONS, 3, config={"min.insync.replicas": "2"})
    # Held until it has answered: a client that nobody holds ends what it was asked.
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([new])[name].result(30)
    return name


def table(found: Sequence[Latency], drained: Mapping[WorkerMode, float]) -> str:
    """Latencies, and what is sustained."""
    names = ("Connect", "offered, events/s", "read, events/s", "p50, ms", "p99, ms")
    rows = [
        (
            one.mode,
            *(f"{one.wanted_per_s:,}", f"{one.per_s:,.0f}"),
            *(f"{one.p50_ms:.0f}", f"{one.p99_ms:.0f}"),
        )
        for one in found
    ]
    backlogs = (
        f"{mode.capitalize()}, a backlog of {BACKLOG:,} is drained at {per_s:,.0f} events/s.\n"
        for mode, per_s in drained.items()
    )
    return f"{table_of(names, rows)}\n{''.join(backlogs)}"


def measured(lab: Lab, mode: WorkerMode, span_s: float) -> tuple[list[Latency], float]:
    """Both rates and the backlog, with a database of its own."""
    database = Postgres.up(f"bench-cdc-{mode}")
    try:
        make_outbox(database.dsn)
        place = Place(database.dsn, lab.outputs.bootstrap_servers["a"], mode)
        made = MadeTopics(PARTITIONS)
        connect = Connect(
            database.folder, database, place.servers, mode, free_port(), BALANCED, made
        )
        connect.start()
        latency(place, *RATES[-1], HEAT_S)
        found = [latency(place, *rate, span_s) for rate in RATES]
        drained = drained_per_s(place, connect)
        connect.down()
    finally:
        database.down()
    return found, drained


def main(
    span_s: Annotated[float, typer.Option(min=2)] = 20.0,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure both rates and the backlog in both modes."""
    found: list[Latency] = []
    drained: dict[WorkerMode, float] = {}
    lab = Lab.up(LabConfig(name="bench-cdc", quick_start=False))
    try:
        for mode in WorkerMode:
            latencies, drained[mode] = measured(lab, mode, span_s)
            found += latencies
    finally:
        lab.down()
    said = {"latency": list(map(asdict, found)), "drained_per_s": drained}
    out.write_text(json.dumps(said, indent=1) + "\n")
    parts = ["# From commit to consumed", *([note] if note else []), table(found, drained)]
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
