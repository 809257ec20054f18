"""The door of the blueprint: ``python -m blueprint plan``."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from blueprint.demand import Demand, Rates
from blueprint.door import run_door
from blueprint.machine_types import PRICES_OF
from blueprint.plan import HEADROOM, Plan, written
from blueprint.planner import plan as planned
from blueprint.problem import BadInput, Problem, validated

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def door() -> None:
    """From a demand to a platform, on paper."""


@app.command()
def plan(
    peak_events_per_s: Annotated[int, typer.Option(help="at today's busiest second")],
    mean_event_bytes: Annotated[int, typer.Option(help="before compression")],
    latency_ms: Annotated[float, typer.Option(help="p99, producer to consumer")],
    retention_h: Annotated[float | None, typer.Option(help="hours that events are kept")] = None,
    growth_share: Annotated[float | None, typer.Option(help="0.5: half as much again")] = None,
    mean_load_share: Annotated[float | None, typer.Option(help="mean rate over peak rate")] = None,
    compression_saved_share: Annotated[
        float | None, typer.Option(help="what compression takes off; 0.7 of JSON by zstd")
    ] = None,
    consumer_ms_per_event: Annotated[float | None, typer.Option(help="of one thread")] = None,
    consumer_threads: Annotated[int | None, typer.Option(help="most of one instance")] = None,
    consumer_groups: Annotated[int | None, typer.Option(help="fleets that read it all")] = None,
    partitions_today: Annotated[int | None, typer.Option(help="never planned below")] = None,
    disk_gib_today: Annotated[int | None, typer.Option(help="never planned below")] = None,
    rack_aware_fetch: Annotated[
        bool | None, typer.Option(help="consumers read in their own zone")
    ] = None,
    instance_type: Annotated[str | None, typer.Option(help="this machine and no other")] = None,
    measured: Annotated[Path | None, typer.Option(help="JSON of measured rates")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="for a pull request")] = False,
) -> None:
    """Size a cluster and its fleets; every number says what decided it."""
    if as_json and as_markdown:
        raise BadInput([Problem("--json and --markdown", "both", "one of them, or neither")])
    given = {
        "peak_events_per_s": peak_events_per_s,
        "mean_event_bytes": mean_event_bytes,
        "latency_ms": latency_ms,
        "retention_h": retention_h,
        "growth_share": growth_share,
        "mean_load_share": mean_load_share,
        "compression_saved_share": compression_saved_share,
        "consumer_ms_per_event": consumer_ms_per_event,
        "consumer_threads": consumer_threads,
        "consumer_groups": consumer_groups,
        "partitions_today": partitions_today,
        "disk_gib_today": disk_gib_today,
        "rack_aware_fetch": rack_aware_fetch,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    rates = _measured(measured) if measured else None
    made = planned(validated(Demand, fields, "flags"), rates, instance_type)
    if as_json:
        print(json.dumps(made.as_dict(), indent=2))
    elif as_markdown:
        print(made.as_markdown(), end="")
    else:
        Console().print(_table(made))


def _measured(path: Path) -> Rates:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput([Problem("--measured", str(path), "a readable file", str(error))]) from None
    return validated(Rates, text, str(path))


def _table(made: Plan) -> Table:
    title = f"{HEADROOM - 1:.0%} headroom, sized for a lost zone, prices of {PRICES_OF}"
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("decided by")
    for name, figure in made.figures():
        table.add_row(name, written(figure.value), figure.unit, figure.because)
    return table


def main() -> int:
    """Run the door; bad input is a line for each problem and exit 2."""
    return run_door(app, "blueprint", BadInput)


if __name__ == "__main__":
    sys.exit(main())
