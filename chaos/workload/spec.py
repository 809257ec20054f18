"""What a worker is told on the first line of its standard input, and how it answers.

Workers import little, since a dozen of them start on two cores beside a cluster.
"""

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Setting = str | int | bool
#: Names the MemberSpec of a process, as JSON, in its environment.
MEMBER = "QUORATE_CHAOS_MEMBER"


@dataclass(frozen=True, slots=True)
class WriterSpec:
    """Who writes: ``index`` is its identity, ``run`` the run's number in each payload."""

    history: str
    run: int
    index: int
    zone: str
    topic: str
    partitions: int
    record_bytes: int
    rate_per_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class ProducerSpec(WriterSpec):
    """One producer."""

    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class OutboxSpec(WriterSpec):
    """One writer of an outbox: as a producer, but that what it sends it commits in a database.

    Attributes:
        dsn: As libpq takes it.
    """

    dsn: str


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One member of the consumer group; all the rest is the fleet's.

    Attributes:
        record_s: How long it is at one record, of all its parts.
        effects: The database of records' effects, as the fleet names one; nothing: they have none.
    """

    history: str
    run: int
    index: int
    record_s: float = 0.0
    effects: str = ""


@dataclass(frozen=True, slots=True)
class GreedySpec:
    """A consumer that reads every partition from its start, over and over.

    Attributes:
        outputs: Of the cluster: the path of a file.
        client: His id, by which brokers know his quota.
        connections: To each broker.
    """

    outputs: str
    topic: str
    client: str
    connections: int


@dataclass(frozen=True, slots=True)
class FinalReadSpec:
    """The final read of one replica: every partition from its pinned start to its pinned end.

    Attributes:
        kept: The partitions that the broker keeps: reads of others prove nothing, nor need they.
        alone: Those of which no other broker of its rack keeps a replica. A fetch cannot choose
            between two of a rack, so proof is waited for where there is one.
    """

    history: str
    run: int
    replica: int
    topic: str
    starts: Mapping[str, int]
    ends: Mapping[str, int]
    kept: Sequence[int]
    alone: Sequence[int]
    timeout_s: float
    settings: Mapping[str, Setting]


Spec = ProducerSpec | OutboxSpec | GreedySpec | FinalReadSpec


def to_line(spec: Spec) -> str:
    """A spec as one line."""
    return json.dumps(asdict(spec), separators=(",", ":")) + "\n"


def read_fields() -> dict[str, Any]:
    """The first line of standard input."""
    return dict(json.loads(sys.stdin.readline()))


def say(event: str, **fields: object) -> None:
    """Answer with one line; a runner that is gone is not an error here."""
    try:
        sys.stdout.write(json.dumps({"e": event, **fields}, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass


class Orders:
    """Standard input, watched by a thread: ``stop`` asks for an orderly end, its end for any."""

    def __init__(self) -> None:
        """Begin to listen."""
        self.stop = threading.Event()
        self.abandoned = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                self.stop.set()
        # Whoever held the other end is gone, or wants no answer.
        self.abandoned.set()
        self.stop.set()
