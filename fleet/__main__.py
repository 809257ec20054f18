"""The door of the fleet: ``python -m fleet run MODULE:HANDLER``."""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import yaml

from blueprint.client_settings import GroupProtocol
from blueprint.door import run_door
from blueprint.fleet_contract import Variable
from blueprint.fleets import GRACE_MARGIN_S
from blueprint.outputs import load
from blueprint.problem import BadInput, Problem
from blueprint.security import credentials_of
from fleet.deployed import Address, Deployed, deployed, is_deployed
from fleet.group import FleetError
from fleet.loading import load_handler, load_key
from fleet.processes import Processes, follow_input
from fleet.running import FleetProcess, GivesClients, Place
from fleet.settings import FleetSettings, fleet_settings

UNCLEAN = 1
Made = TypeVar("Made")
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def fleet() -> None:
    """Consumers that keep order per key and skip nothing."""


@app.command()
def run(
    handler: Annotated[str, typer.Argument(help="MODULE:NAME of what is called with each record")],
    outputs: Annotated[
        Path | None, typer.Option(help="the stack's outputs; a Deployment gives settings instead")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option(help="what to read; may be repeated")] = None,
    group: Annotated[str | None, typer.Option(help="the consumer group")] = None,
    key: Annotated[str | None, typer.Option(help="MODULE:NAME; the record's own key")] = None,
    lanes: Annotated[int | None, typer.Option(help="handlers at work at the same time")] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="group members")] = 1,
    protocol: Annotated[GroupProtocol | None, typer.Option(help="of the group")] = None,
    instance: Annotated[str | None, typer.Option(help="of static membership")] = None,
    dead_letters: Annotated[str | None, typer.Option(help="their topic")] = None,
    zone: Annotated[str | None, typer.Option(help="of this instance")] = None,
    credentials: Annotated[Path | None, typer.Option(help="the fleet's own, as JSON")] = None,
    settings: Annotated[Path | None, typer.Option(help="YAML of any fleet setting")] = None,
    health_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="of /live, /ready and /metrics")
    ] = None,
    follow: Annotated[bool, typer.Option(hidden=True, help="end when the input ends")] = False,
) -> None:
    """Call a handler with every record of a topic: in parallel, in order per key.

    SIGTERM and Ctrl-C end it in order. Exit code 0: everything that was handled is committed; 1:
    some of it will be handled again; 2: refused.
    """
    flags = {
        "topics": tuple(topic) if topic else None,
        "group": group,
        "lanes": lanes,
        "protocol": protocol,
        "instance": instance,
        "dead_letters": dead_letters,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    problems = Problems()
    place = problems.of(lambda: _place(outputs, zone, credentials))
    fields = problems.of(lambda: _fields(outputs, place, settings, given)) or {}
    chosen = problems.of(lambda: fleet_settings(fields))
    call = problems.of(lambda: load_handler(handler))
    key_of = problems.of(lambda: load_key(key))
    problems.refuse()
    assert chosen is not None
    assert place is not None
    assert call is not None
    health = _address(place, health_port)
    if processes > 1:
        raise typer.Exit(_run_many(chosen, processes, health))
    made = FleetProcess(chosen, place, call, key_of)
    _on_end(made.member.stop)
    if follow:
        follow_input(made.member.stop)
    with nullcontext() if health is None else made.health.served(health):
        ending = made.run()
    print(json.dumps({name: getattr(ending, name) for name in ending.__slots__}))
    raise typer.Exit(0 if ending.clean else UNCLEAN)


class Problems:
    """Every problem of a command, from wherever in it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: list[Problem] = []

    def of(self, make: Callable[[], Made]) -> Made | None:
        """What is made, or nothing and its problems kept."""
        try:
            return make()
        except BadInput as error:
            self._found += error.problems
            return None

    def refuse(self) -> None:
        """Raise all of them.

        Raises:
            BadInput: There were any.
        """
        if self._found:
            raise BadInput(self._found)


def _run_many(settings: FleetSettings, count: int, health: Address | None) -> int:
    arguments = [word for word in sys.argv[1:] if word]
    at = next(n for n, word in enumerate(arguments) if word.startswith("--processes"))
    del arguments[at : at + (1 if "=" in arguments[at] else 2)]
    commands = [
        [*arguments, "--follow", *_named(settings, n), *_port(health, n)] for n in range(count)
    ]
    running = Processes(commands)
    _on_end(running.stop)
    return running.wait(settings.drain_deadline_s + GRACE_MARGIN_S)


def _named(settings: FleetSettings, number: int) -> list[str]:
    return [] if settings.instance is None else ["--instance", f"{settings.instance}-{number}"]


def _port(health: Address | None, number: int) -> list[str]:
    """Each member answers for itself: the first on the port that was said, the next on the next."""
    return [] if health is None else ["--health-port", str(health.port + number)]


def _address(place: GivesClients, port: int | None) -> Address | None:
    said = place.health if isinstance(place, Deployed) else None
    if port is None:
        return said
    return Address(port=port) if said is None else Address(said.host, port)


def _on_end(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def _place(outputs: Path | None, zone: str | None, credentials: Path | None) -> Place | Deployed:
    if outputs is None:
        return _deployed(credentials).in_zone(zone)
    own = None if credentials is None else credentials_of(_text(credentials), str(credentials))
    return Place(load(_text(outputs)), zone, own)


def _deployed(credentials: Path | None) -> Deployed:
    if credentials is not None:
        legal = f"nothing without --outputs: a Deployment says it by ${Variable.IDENTITY}"
        raise BadInput([Problem("--credentials", str(credentials), legal)])
    if not is_deployed(os.environ):
        legal = f"a StackOutputs JSON, or ${Variable.SETTINGS} as a Deployment sets it"
        raise BadInput([Problem("--outputs", "nothing", legal)])
    return deployed(os.environ, _text)


def _fields(
    outputs: Path | None,
    place: Place | Deployed | None,
    settings: Path | None,
    flags: Mapping[str, object],
) -> dict[str, object]:
    known: Mapping[str, object] = {}
    if isinstance(place, Deployed):
        known = place.fields
    elif outputs is None:
        # Refused already; what it would have said is no further problem.
        known = {"topics": ("unknown",), "group": "unknown"}
    return {**known, **_yaml(settings), **flags}


def _yaml(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        found = yaml.safe_load(_text(path)) or {}
    except yaml.YAMLError as error:
        raise BadInput([Problem(str(path), "no YAML", "YAML", str(error))]) from None
    if not isinstance(found, Mapping):
        raise BadInput([Problem(str(path), type(found).__name__, "names and values")])
    return {str(name): value for name, value in found.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        said = str(getattr(error, "strerror", None) or "it is no text")
        raise BadInput([Problem(str(path), "nothing readable", "a file", said)]) from None


def main() -> int:
    """Run the door; what is refused is one line each and exits 2."""
    return run_door(app, "fleet", BadInput, FleetError)


if __name__ == "__main__":
    sys.exit(main())
