"""The door of the fleet: ``run`` a handler, see its ``lag``."""

import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeVar, cast

import typer

from blueprint.client_settings import GroupProtocol
from blueprint.door import run_door
from blueprint.fleets import GRACE_MARGIN_S
from blueprint.problem import BadInput
from fleet.catch_up import Wish
from fleet.dedup import IdOf
from fleet.deployed import Address, Deployed, place_or_deployed
from fleet.group import FleetError
from fleet.lag_door import lag
from fleet.loading import load_event_id, load_handler, load_key, load_tx_handler
from fleet.once import TxHandler
from fleet.placing import GivesClients, Place, Problems, fields_of
from fleet.processes import Processes, follow_input
from fleet.record import Handler, KeyOf
from fleet.replay_door import replay
from fleet.running import FleetProcess
from fleet.running_once import OnceProcess
from fleet.settings import FleetSettings, fleet_settings

UNCLEAN = 1
#: How a person begins and ends catching up.
WISHES = {signal.SIGUSR1: Wish.ENTER, signal.SIGUSR2: Wish.LEAVE}
Made = TypeVar("Made")
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
app.command()(lag)
app.command()(replay)


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
    database: Annotated[
        str | None, typer.Option(help="each event once: sqlite:PATH or host=...")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option(help="MODULE:NAME; what dedup by ids asks")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="YAML of any fleet setting")] = None,
    health_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="of /live, /ready and /metrics")
    ] = None,
    follow: Annotated[bool, typer.Option(hidden=True, help="end when the input ends")] = False,
) -> None:
    """Call a handler with every record of a topic: in parallel, in order per key.

    SIGTERM and Ctrl-C end it in order; SIGUSR1 lets it catch up, SIGUSR2 ends that. Exit code 0:
    everything that was handled is committed; 1: some of it will be handled again; 2: refused.
    """
    flags = {
        "topics": tuple(topic) if topic else None,
        "group": group,
        "lanes": lanes,
        "protocol": protocol,
        "instance": instance,
        "dead_letters": dead_letters,
    }
    problems = Problems()
    place = problems.of(lambda: place_or_deployed(outputs, zone, credentials))
    fields = _known(outputs, place) | (problems.of(lambda: fields_of(settings)) or {})
    fields |= {name: value for name, value in flags.items() if value is not None}
    if database is not None:
        fields["dedup"] = {**_mapping(fields.get("dedup")), "database": database}
    chosen = problems.of(lambda: fleet_settings(fields))
    once = bool(fields.get("dedup"))
    call = problems.of(lambda: load_tx_handler(handler) if once else load_handler(handler))
    id_of = problems.of(lambda: load_event_id(event_id))
    key_of = problems.of(lambda: load_key(key))
    problems.refuse()
    assert chosen is not None
    assert place is not None
    assert call is not None
    health = _address(place, health_port)
    if processes > 1:
        raise typer.Exit(_run_many(chosen, processes, health))
    made = _process(chosen, place, call, key_of, id_of)
    _on_end(made.member.stop)
    if isinstance(made, FleetProcess):
        _on_wish(made)
    if follow:
        follow_input(made.member.stop)
    with nullcontext() if health is None else made.health.served(health):
        ending = made.run()
    print(json.dumps({name: getattr(ending, name) for name in ending.__slots__}))
    raise typer.Exit(0 if ending.clean else UNCLEAN)


def _process(
    settings: FleetSettings,
    place: GivesClients,
    call: Handler | TxHandler,
    key_of: KeyOf | None,
    id_of: IdOf | None,
) -> FleetProcess | OnceProcess:
    if settings.dedup is None:
        return FleetProcess(settings, place, cast(Handler, call), key_of)
    handler = cast(TxHandler, call)
    return OnceProcess(settings, settings.dedup, place, handler, key_of, id_of)


def _on_wish(made: FleetProcess) -> None:
    for number in WISHES:
        signal.signal(number, lambda number, _: made.wish(WISHES[signal.Signals(number)]))


def _mapping(given: object) -> dict[str, object]:
    return dict(given) if isinstance(given, Mapping) else {}


def _known(outputs: Path | None, place: Place | Deployed | None) -> dict[str, object]:
    if isinstance(place, Deployed):
        return dict(place.fields)
    # Where it was refused already, what it would have said is no further problem.
    return {} if outputs is not None else {"topics": ("unknown",), "group": "unknown"}


def _address(place: GivesClients, port: int | None) -> Address | None:
    said = place.health if isinstance(place, Deployed) else None
    if port is None:
        return said
    return Address(port=port) if said is None else Address(said.host, port)


def _port(health: Address | None, number: int) -> list[str]:
    """Each member answers for itself: the first on the port that was said, the next on the next."""
    return [] if health is None else ["--health-port", str(health.port + number)]


def _run_many(settings: FleetSettings, count: int, health: Address | None) -> int:
    arguments = [word for word in sys.argv[1:] if word]
    at = next(n for n, word in enumerate(arguments) if word.startswith("--processes"))
    del arguments[at : at + (1 if "=" in arguments[at] else 2)]
    commands = [
        [*arguments, "--follow", *_named(settings, n), *_port(health, n)] for n in range(count)
    ]
    running = Processes(commands)
    _on_end(running.stop)
    for number in WISHES:
        signal.signal(number, lambda number, _: running.pass_on(number))
    return running.wait(settings.drain_deadline_s + GRACE_MARGIN_S)


def _named(settings: FleetSettings, number: int) -> list[str]:
    return [] if settings.instance is None else ["--instance", f"{settings.instance}-{number}"]


def _on_end(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def main() -> int:
    """Run the door; what is refused is one line each and exits 2."""
    return run_door(app, "fleet", BadInput, FleetError)


if __name__ == "__main__":
    sys.exit(main())
