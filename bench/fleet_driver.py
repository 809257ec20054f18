"""Our own consumers at the work of the lanes benchmark: the plain loop, and lanes of both kinds.

Prints how many records are handled, as time goes on; times are the machine's monotonic seconds.
"""

import asyncio
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer

from blueprint.client_settings import GroupProtocol
from blueprint.failover_profile import BALANCED
from fleet.clients import member_settings
from fleet.lane import Buried
from fleet.member import Member
from fleet.record import Handler, Record
from fleet.settings import fleet_settings
from fleet.signals import unheard
from fleet.waiting import Cause

_MOST_WAIT_S = 60.0
_SAMPLE_S = 0.02
_COMMIT_S = 0.5


class Counter:
    """Counts from many threads at the price of one call."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._numbers = itertools.count()
        self.one_more = self._numbers.__next__

    def count(self) -> int:
        """How many so far."""
        return int(self._numbers.__reduce__()[1][0])


def work(kind: str, work_s: float, counter: Counter) -> Callable[[Record], None]:
    """The plain handler of a kind of work."""
    one_more, sleep, cpu_ns = counter.one_more, time.sleep, time.thread_time_ns
    work_ns = int(work_s * 1e9)

    def nothing(_: Record) -> None:
        one_more()

    def wait(_: Record) -> None:
        sleep(work_s)
        one_more()

    def compute(_: Record) -> None:
        until_ns = cpu_ns() + work_ns
        while cpu_ns() < until_ns:
            pass
        one_more()

    if not work_s:
        return nothing
    return wait if kind == "wait" else compute


def async_work(kind: str, work_s: float, counter: Counter) -> Handler:
    """The ``async`` handler of a kind of work."""
    one_more, sleep, plain = counter.one_more, asyncio.sleep, work(kind, work_s, counter)

    async def wait(_: Record) -> None:
        await sleep(work_s)
        one_more()

    async def at_once(record: Record) -> None:
        plain(record)

    return wait if kind == "wait" and work_s else at_once


def sequential(servers: str, topic: str, group: str, handler: Callable[[Record], None]) -> None:
    """One record after the other, committed every half second: what a user writes at first."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    committed_s = time.monotonic()
    while True:
        for message in consumer.consume(1000, 0.1):
            if message.error() is None:
                handler(message)  # type: ignore[arg-type]
        if time.monotonic() - committed_s > _COMMIT_S:
            consumer.commit(asynchronous=True)
            committed_s = time.monotonic()


def lanes(servers: str, topic: str, group: str, count: int, handler: Handler) -> None:
    """The fleet's member, with settings from the blueprint."""
    fields = {
        "topics": (topic,),
        "group": group,
        "lanes": count,
        "protocol": GroupProtocol.COOPERATIVE,
        "in_flight_records": max(20_000, 32 * count),
        "dead_letters": topic + "-dead-letter",
    }
    settings = fleet_settings(fields)
    client = member_settings(settings, BALANCED, servers)
    Member(settings, client, handler, _bury, tell=unheard).run()


def _bury(_: Record, __: Cause, done: Buried) -> None:
    done(None)


def main() -> None:
    """Work until the span is over."""
    contender, servers, topic, group, kind, work_ms, in_flight, span = sys.argv[1:9]
    counter, work_s = Counter(), float(work_ms) / 1000
    plain = work(kind, work_s, counter)
    calls = {
        "sequential": lambda: sequential(servers, topic, group, plain),
        "threads": lambda: lanes(servers, topic, group, int(in_flight), plain),
        "tasks": lambda: lanes(
            servers, topic, group, int(in_flight), async_work(kind, work_s, counter)
        ),
    }
    threading.Thread(target=calls[contender], daemon=True).start()
    samples: list[tuple[float, int]] = []
    began_cpu_s = time.process_time()
    deadline_s = time.monotonic() + float(span) + _MOST_WAIT_S
    while time.monotonic() < deadline_s:
        time.sleep(_SAMPLE_S)
        count = counter.count()
        if count:
            began_cpu_s = began_cpu_s if samples else time.process_time()
            samples.append((time.monotonic(), count))
            if samples[-1][0] - samples[0][0] > float(span):
                break
    cpu_us = (time.process_time() - began_cpu_s) * 1e6
    done = samples[-1][1] - samples[0][1] if samples else 0
    said = {"samples": samples, "cpu_us_per_record": cpu_us / done if done else None}
    print(json.dumps(said), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
