"""The door of the lab: ``python -m lab up | down | status | outputs``."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from blueprint.door import run_door
from blueprint.problem import BadInput
from lab.cluster import Lab, tear_down
from lab.config import DEFAULT_NAME, load, parse
from lab.problem import LabError
from lab.state import all_states

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Name = Annotated[str, typer.Option(help="the lab's name; labs of different names are apart")]


@app.command()
def up(
    name: Annotated[str | None, typer.Option(help="the lab's name")] = None,
    config: Annotated[Path | None, typer.Option(help="a YAML file of lab settings")] = None,
    profile: Annotated[str | None, typer.Option(help="the failover profile")] = None,
    cross_zone_latency_ms: Annotated[
        float | None, typer.Option(help="one-way delay of each cross-zone hop")
    ] = None,
) -> None:
    """Start three zones, or what is missing of them, and wait until they can be used."""
    fields = load(config) if config else {}
    flags = {
        "name": name,
        "profile": profile,
        "cross_zone_latency_ms": cross_zone_latency_ms,
    }
    fields |= {key: value for key, value in flags.items() if value is not None}
    console = Console(stderr=True)
    lab = Lab.up(parse(fields, str(config or "flags")), say=lambda text: console.print(text))
    for zone, servers in lab.outputs.bootstrap_servers.items():
        print(f"zone {zone}: {servers}")


@app.command()
def down(name: Name = DEFAULT_NAME) -> None:
    """End the lab and remove everything it left."""
    print(f"lab {name} is down" if tear_down(name) else f"lab {name} was not up")


@app.command()
def status() -> None:
    """Show every lab, its processes and links."""
    states = all_states()
    if not states:
        print("no lab is up")
    for state in states:
        table = Table(title=f"lab {state.folder.name}", title_justify="left")
        for column in ("process", "zone", "at", "pid"):
            table.add_column(column)
        for row in Lab.open(state.folder.name).status():
            pid = str(row.pid) if row.pid else "[red]not running[/red]"
            table.add_row(row.name, row.zone, row.endpoint, pid)
        Console().print(table)


@app.command()
def outputs(name: Name = DEFAULT_NAME) -> None:
    """Print the lab's StackOutputs as JSON."""
    print(json.dumps(json.loads(Lab.open(name).outputs.to_json()), indent=2))


def main() -> int:
    """Run the door; bad input and an unwilling machine are one line each and exit 2."""
    return run_door(app, "lab", BadInput, LabError)


if __name__ == "__main__":
    sys.exit(main())
