"""The Python parallel consumer at the same work, run where it is installed.

Prints how many records are handled, as time goes on. Waiting goes to its asyncio engine; CPU work
to its process engine, which it has for that.
"""

import asyncio
import ctypes
import json
import multiprocessing
import os
import sys
import time

from pyrallel_consumer import (  # type: ignore[import-not-found]
    ExecutionConfig,
    KafkaConfig,
    ParallelConsumerConfig,
    PyrallelConsumer,
)
from pyrallel_consumer.config import ProcessConfig  # type: ignore[import-not-found]

SLOTS = 4096
PROCESSES = 2
SERVERS, TOPIC, GROUP, WORK, WORK_MS, IN_FLIGHT, SPAN_S = sys.argv[1:8]
WORK_S = float(WORK_MS) / 1000
#: One counter a process; the system's processes are few enough not to share one.
COUNTS = multiprocessing.RawArray(ctypes.c_uint64, SLOTS)


async def wait(_: object) -> None:
    """Wait without holding the loop."""
    if WORK_S:
        await asyncio.sleep(WORK_S)
    COUNTS[os.getpid() % SLOTS] += 1


def compute(_: object) -> None:
    """Use CPU time of this thread."""
    until_ns = time.thread_time_ns() + int(WORK_S * 1e9)
    while time.thread_time_ns() < until_ns:
        pass
    COUNTS[os.getpid() % SLOTS] += 1


async def main() -> None:
    """Run until the span is over."""
    in_flight, span_s = int(IN_FLIGHT), float(SPAN_S)
    execution = ExecutionConfig(
        mode="async" if WORK == "wait" else "process",
        max_in_flight=in_flight,
        process_config=ProcessConfig(process_count=PROCESSES),
    )
    parallel = ParallelConsumerConfig(
        poll_batch_size=1000, queue_max_messages=max(5000, 4 * in_flight), execution=execution
    )
    config = KafkaConfig(
        BOOTSTRAP_SERVERS=SERVERS.split(","),
        CONSUMER_GROUP=GROUP,
        dlq_enabled=False,
        parallel_consumer=parallel,
    )
    consumer = PyrallelConsumer(config, wait if WORK == "wait" else compute, TOPIC)
    await consumer.start()
    samples, began_s = [], 0.0
    deadline_s = time.monotonic() + span_s + 60
    while time.monotonic() < deadline_s:
        await asyncio.sleep(0.02)
        count = sum(COUNTS)
        if not count:
            continue
        began_s = began_s or time.monotonic()
        samples.append([time.monotonic() - began_s, count])
        if samples[-1][0] > span_s:
            break
    print(json.dumps({"samples": samples}), flush=True)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
