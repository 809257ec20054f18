"""All tools of a lab at once, with the long steps shown to the user."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lab.jvm import Jvm
from lab.tools.java import java
from lab.tools.kafka import jars
from lab.tools.toxiproxy import toxiproxy_server
from lab.training import trained

#: What is cached answers at once; only a step that takes longer is worth a line.
_SLOW_S = 1.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What a lab is run with."""

    jvm: Jvm
    toxiproxy: Path


def have_tools() -> Tools:
    """Fetch, build or simply find every tool; toxiproxy is built beside the rest.

    Raises:
        LabError: One of them cannot be had; the text says which and what to do.
    """
    with _steps() as step, ThreadPoolExecutor(1) as pool:
        building = pool.submit(toxiproxy_server)
        report = step("Kafka's jars")
        kafka = jars(report)
        report(1, 1)
        report = step("a cache for quick starts")
        jvm = trained(java(), kafka)
        report(1, 1)
        report = step("toxiproxy")
        proxy = building.result()
        report(1, 1)
    return Tools(jvm, proxy)


@contextmanager
def _steps() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Bars on a terminal; elsewhere one line for a step that is not cached and takes its time."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        with _lines() as line:
            yield line
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as p:

        def step(name: str) -> Callable[[int, int], None]:
            task: TaskID = p.add_task(name, total=None)
            return lambda done, total: p.update(task, completed=done, total=total)

        yield step


@contextmanager
def _lines() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    slow: list[Timer] = []

    def step(name: str) -> Callable[[int, int], None]:
        line = Timer(_SLOW_S, _say, (f"{name}: once per machine, this takes a while",))
        slow.append(line)
        line.start()
        return lambda done, total: line.cancel() if done >= total else None

    try:
        yield step
    finally:
        for line in slow:
            line.cancel()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
