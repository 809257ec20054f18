"""All tools of a lab at once, with the long steps shown to the user."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lab.jvm import Jvm, trained
from lab.tools.java import java
from lab.tools.kafka import jars
from lab.tools.toxiproxy import toxiproxy_server


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
    """Bars on a terminal, nothing elsewhere: steps that are cached take no time at all."""
    console = Console(file=sys.stderr)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as p:

        def step(name: str) -> Callable[[int, int], None]:
            task: TaskID = p.add_task(name, total=None)
            return lambda done, total: p.update(task, completed=done, total=total)

        yield step
