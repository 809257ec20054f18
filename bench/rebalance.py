"""What a rebalance costs: the longest that a record waits, by protocol and number of partitions.

Four members of the real fleet read what is produced at a steady rate. A fifth joins, and leaves in
order, several times. A rebalance's pause is the longest wait from produced to handled of any
record that was handled between the change and ``CALM_S`` after the group is stable again. Same
machine, same cluster, one protocol and one topic at a time.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bench.ack_load import AckLoad, client
from bench.sections import table_of
from bench.zone import drop_topic, make_topic
from blueprint.client_settings import GroupProtocol
from blueprint.failover_profile import BALANCED
from lab.cluster import Lab
from lab.config import LabConfig

RESULTS = Path(__file__).parent / "results" / "rebalance.json"
PARTITIONS = (12, 48, 200)
MEMBERS, RECORDS_PER_S, CALM_S = 4, 500, 2.0
#: Until what was produced while the members started is handled.
START_S = 8.0
_STABLE_S, _END_S, _LOOK_S = 60.0, 30.0, 0.05
Window = tuple[float, float]
Waits = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Pauses:
    """Of one protocol at one number of partitions, in seconds.

    Attributes:
        steady_s: The longest wait while nothing changed.
        join_s: For each member that joined.
        leave_s: For each that left.
    """

    protocol: str
    partitions: int
    steady_s: float
    join_s: Sequence[float]
    leave_s: Sequence[float]


class Member:
    """One process of the fleet."""

    def __init__(self, *words: str) -> None:
        """Start it."""
        command = [sys.executable, "-m", "bench.rebalance_driver", *words]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def leave(self) -> Waits:
        """What it saw, once it has left the group."""
        self._process.terminate()
        try:
            return [
                tuple(pair) for pair in json.loads(self._process.communicate(timeout=_END_S)[0])
            ]
        finally:
            self._process.kill()


class Group:
    """The group that is changed."""

    def __init__(self, outputs: Path, admin: AdminClient, topic: str, protocol: str) -> None:
        """It has no member yet."""
        self._admin, self._name = admin, f"bench-{uuid.uuid4().hex[:8]}"
        self._words = (str(outputs), topic, self._name, protocol)
        self._members: list[Member] = []
        self._waits: list[tuple[float, float]] = []

    def join(self) -> None:
        """One more member begins to start."""
        self._members.append(Member(*self._words))

    def leave(self) -> None:
        """The newest member leaves."""
        self._waits += self._members.pop().leave()

    def until_stable(self, partitions: int) -> None:
        """Wait until every partition is with one of the members that there are.

        Raises:
            TimeoutError: That did not come.
        """
        deadline_s = time.monotonic() + _STABLE_S
        while self._dealt() != (len(self._members), partitions):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{self._name} is {self._dealt()}")
            time.sleep(_LOOK_S)

    def worst_s(self, window: Window) -> float:
        """The longest wait within a window; to be asked once all have left."""
        begin_s, end_s = window
        return max((w for at_s, w in self._waits if begin_s <= at_s <= end_s), default=0.0)

    def end(self) -> None:
        """All leave."""
        while self._members:
            self.leave()

    def _dealt(self) -> tuple[int, int]:
        try:
            asked = self._admin.describe_consumer_groups([self._name], request_timeout=5)
            members = asked[self._name].result(10).members
        except KafkaException:
            return 0, 0
        parts = [m.assignment.topic_partitions for m in members if m.assignment]
        return len(members), sum(map(len, parts))


def measure(outputs: Path, lab: Lab, protocol: str, partitions: int, turns: int) -> Pauses:
    """One protocol at one number of partitions."""
    servers, topic = lab.outputs.bootstrap_servers["a"], f"rebalance-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": servers})
    topics = {topic: partitions, f"{topic}-dead-letter": 1}
    for name, count in topics.items():
        make_topic(lab, name, count)
    load = AckLoad(client(BALANCED, servers), topic, partitions, RECORDS_PER_S)
    group = Group(outputs, admin, topic, protocol)
    windows: list[Window] = []

    def settle(begun_s: float) -> None:
        group.until_stable(partitions)
        time.sleep(CALM_S)
        windows.append((begun_s, time.time()))

    with ExitStack() as held:
        held.callback(group.end)
        load.start(_STABLE_S)
        held.callback(load.finish)
        for _ in range(MEMBERS):
            group.join()
        settle(time.time())
        time.sleep(START_S)
        settle(time.time())
        for _ in range(turns):
            for change in (group.join, group.leave):
                begun_s = time.time()
                change()
                settle(begun_s)
    steady, *changes = [group.worst_s(window) for window in windows[1:]]
    for name in topics:
        drop_topic(lab, name)
    return Pauses(protocol, partitions, steady, changes[::2], changes[1::2])


def table(found: Sequence[Pauses]) -> str:
    """Medians and the worst, in seconds."""
    names = ("protocol", "partitions", "steady", "join, median", "leave, median", "worst")
    rows = []
    for one in found:
        figures = (
            one.steady_s,
            statistics.median(one.join_s),
            statistics.median(one.leave_s),
            max(*one.join_s, *one.leave_s),
        )
        rows.append((one.protocol, str(one.partitions), *(f"{each:.2f}" for each in figures)))
    return table_of(names, rows)


def main(
    turns: Annotated[int, typer.Option(min=1, help="joins, and as many leaves")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="protocols")] = None,
    note: Annotated[str, typer.Option(help="stands above the table")] = "",
    out: Path = RESULTS,
) -> None:
    """Measure every protocol at every number of partitions."""
    found: list[Pauses] = []
    lab = Lab.up(LabConfig(name="bench-rebalance", quick_start=False))
    try:
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs.json"
            outputs.write_text(lab.outputs.to_json())
            for partitions in PARTITIONS:
                for protocol in only or list(GroupProtocol):
                    found.append(measure(outputs, lab, protocol, partitions, turns))
                    print(table(found[-1:]).splitlines()[-1], flush=True)
    finally:
        lab.down()
    said = {"turns": turns, "pauses": list(map(asdict, found))}
    out.write_text(json.dumps(said, indent=1) + "\n")
    says = f"Seconds that a record waits at most; {turns} joins and {turns} leaves each."
    text = "\n\n".join(["# The pause of a rebalance", note or says, table(found)])
    out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
