"""``python -m fleet lag``: a live table, JSON or metrics of how far groups are behind."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from blueprint.problem import BadInput, Problem
from fleet.deployed import Address, Deployed, place_or_deployed
from fleet.group import FleetError
from fleet.lag import GroupLag, LagWatch
from fleet.lag_levels import Level
from fleet.lag_metrics import LOOPBACK, LagCollector, serve
from fleet.lag_reader import LagReader
from fleet.lag_table import table
from fleet.placing import Place

REACHED = 1


class Limit(StrEnum):
    """A level as an option names it."""

    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which groups, and of which topics beside those that they have committed.

    Attributes:
        stamps: Whether time lag is wanted: records are read for it.
    """

    groups: tuple[str, ...]
    topics: tuple[str, ...]
    stamps: bool = True


@dataclass(slots=True)
class Looker:
    """Looks at groups again and again, and remembers what was before."""

    reader: LagReader
    asked: Asked
    _watches: dict[str, LagWatch] = field(default_factory=dict)

    def look(self) -> list[GroupLag]:
        """All groups that were asked for, or all that have committed something.

        Raises:
            FleetError: No broker answers, or one says no.
        """
        found = []
        for group in self.asked.groups or self.reader.groups():
            look = self.reader.read(group, self.asked.topics, stamps=self.asked.stamps)
            if look.partitions or look.unknown or self.asked.groups:
                found.append(self._watches.setdefault(group, LagWatch()).look(look))
        return found


def lag(
    outputs: Annotated[
        Path | None, typer.Option(help="the stack's outputs; a Deployment gives settings instead")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="may be repeated; all of them")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="counted before any commit too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one document a line, each look")] = False,
    watch: Annotated[bool, typer.Option("--watch/--once", help="look again and again")] = True,
    every_s: Annotated[float, typer.Option(min=0.2, max=60, help="between two looks")] = 1.0,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65535)] = None,
    metrics_host: Annotated[str, typer.Option(help="the address metrics are served at")] = LOOPBACK,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="read no record: no right to is needed")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="metrics, and what fails")] = False,
    limit: Annotated[Limit | None, typer.Option(help="exit 1 where a group is at it")] = None,
    zone: Annotated[str | None, typer.Option(help="the brokers to begin with")] = None,
    credentials: Annotated[Path | None, typer.Option(help="the reader's own, as JSON")] = None,
) -> None:
    """Say how far consumer groups are behind: in records, in seconds, and where it leads.

    Exit code 0: it was said; 1: with --limit, a group was at that level or above, or had a
    deficit, at the last look; 2: refused, or no broker answers.
    """
    place = place_or_deployed(outputs, zone, credentials)
    asked = Asked(tuple(group or ()), tuple(topic or ()), stamps=not records_only)
    looker = Looker(LagReader(place), asked)
    ended, collector = threading.Event(), LagCollector()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    at = _served_at(place, metrics_port, metrics_host)
    end = serve(collector, at.port, at.host) if at is not None else None
    try:
        with nullcontext(_nothing) if quiet else _shown(as_json, watch) as show:
            found = _once(looker) if not watch else []
            if watch:
                found = _watch(looker, collector, show, ended, every_s)
            else:
                show(found)
    finally:
        if end is not None:
            end()
    if limit is not None and any(g.level >= Level[limit.name] or g.deficit for g in found):
        raise typer.Exit(REACHED)


def _served_at(place: Place | Deployed, port: int | None, host: str) -> Address | None:
    """Where metrics are asked for: as the flags say, or as a Deployment does."""
    if port is not None:
        return Address(host, port)
    return place.health if isinstance(place, Deployed) else None


def _nothing(_: list[GroupLag]) -> None:
    """Nobody looks at standard output."""


Show = Callable[[list[GroupLag]], None]
#: Of the groups that there are, in a line that says which are legal.
_MOST_NAMES = 20


def _once(looker: Looker) -> list[GroupLag]:
    found = looker.look()
    missing = [g.group for g in found if not g.partitions and not g.unknown]
    if missing:
        legal = _some_of(looker.reader.groups())
        remedy = "it has committed nothing: name what it reads with --topic"
        raise BadInput([Problem("group", repr(name), legal, remedy) for name in missing])
    return found


def _some_of(names: Sequence[str]) -> str:
    """A list that a line can hold, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) or "none exists") + more


def _watch(
    looker: Looker, collector: LagCollector, show: Show, ended: threading.Event, every_s: float
) -> list[GroupLag]:
    """Look until told to end; a look that fails is said, and only the first one ends it."""
    found: list[GroupLag] = []
    while not ended.is_set():
        began_s = time.monotonic()
        try:
            found = looker.look()
        except FleetError as error:
            collector.failed()
            if not found:
                raise
            print(f"fleet: {error}", file=sys.stderr, flush=True)
        else:
            collector.seen(found)
            show(found)
        ended.wait(max(0.0, every_s - (time.monotonic() - began_s)))
    return found


def _shown(as_json: bool, watch: bool) -> AbstractContextManager[Show]:
    if as_json:
        return nullcontext(lambda found: print(document(found), flush=True))
    console = Console()
    if watch and console.is_terminal:
        return _LiveTable(console)
    return nullcontext(lambda found: console.print(table(found)))


class _LiveTable(AbstractContextManager[Show]):
    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Show:
        self._live.start()
        return lambda found: self._live.update(table(found), refresh=True)

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def document(found: Iterable[GroupLag]) -> str:
    """One look as JSON, schema 1."""
    groups = [group.to_fields() for group in found]
    return json.dumps({"schema": 1, "groups": groups})
