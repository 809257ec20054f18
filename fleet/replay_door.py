"""``python -m fleet replay``: does what a fleet has put off while it caught up."""

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from blueprint.client_settings import GroupProtocol
from blueprint.fleets import REPLAY
from blueprint.problem import BadInput, Problem
from fleet.clients import bootstrap_of, dead_letter_settings, member_settings, profile_of
from fleet.dead_letters import DeadLetters
from fleet.lag_reader import LagReader
from fleet.ledger import Ledger, Owed
from fleet.loading import load_handler, load_key
from fleet.placing import Place, Problems, fields_of, place_of
from fleet.record import Handler, KeyOf, Partition
from fleet.replay_ledger import LedgerEdge
from fleet.replaying import Replay, ReplayEnd
from fleet.running import LETTERS_FLUSH_S
from fleet.settings import FleetSettings, fleet_settings
from fleet.signals import to_stderr
from fleet.split import Split

LEFT = 1


def replay(
    handler: Annotated[str, typer.Argument(help="MODULE:NAME of the fleet's own Split")],
    outputs: Annotated[Path, typer.Option(help="the stack's outputs: a StackOutputs JSON")],
    group: Annotated[str | None, typer.Option(help="whose deferred records")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="of these alone; may be repeated")] = None,
    key: Annotated[str | None, typer.Option(help="MODULE:NAME; the record's own key")] = None,
    lanes: Annotated[int | None, typer.Option(help="handlers at work at the same time")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what is owed, do nothing")
    ] = False,
    zone: Annotated[str | None, typer.Option(help="of this instance")] = None,
    credentials: Annotated[Path | None, typer.Option(help="the fleet's own, as JSON")] = None,
    settings: Annotated[Path | None, typer.Option(help="YAML of any fleet setting")] = None,
) -> None:
    """Do what a group has put off: of deferred records the rest, of skipped ones everything.

    In parallel, in order per key; each is crossed off in the ledger once it is done.
    One replay of a group runs at a time. Exit code 0: nothing is left; 1: something is, or was
    deleted before it was replayed; 2: refused.
    """
    flags = {"topics": tuple(topic) if topic else None, "group": group, "lanes": lanes}
    # Which topics there are the ledger says; settings want one all the same.
    given = {name: value for name, value in flags.items() if value is not None}
    problems = Problems()
    chosen = problems.of(lambda: fleet_settings({"topics": ("any",)} | fields_of(settings) | given))
    place = problems.of(lambda: place_of(outputs, zone, credentials))
    call = problems.of(lambda: _split(load_handler(handler), handler))
    key_of = problems.of(lambda: load_key(key))
    problems.refuse()
    assert chosen is not None
    assert place is not None
    assert call is not None
    edge = _ledger_edge(chosen, place)
    try:
        owed = owed_of(edge.read(), LagReader(place).committed(chosen.group), topic)
        if dry_run:
            print(json.dumps(said_of(owed)))
            return
        ended = _replay(chosen, place, call, owed, edge, key_of)
    finally:
        edge.close()
    print(json.dumps(asdict(ended)))
    raise typer.Exit(0 if ended.clean else LEFT)


def owed_of(
    ledger: Ledger, committed: Mapping[Partition, int], topics: list[str] | None
) -> dict[Partition, Owed]:
    """What is owed of each partition, as far as the group has committed it."""
    found = {}
    for partition in ledger.partitions():
        if topics and partition.topic not in topics:
            continue
        owed = ledger.owed(partition, committed.get(partition, 0))
        if owed.every():
            found[partition] = owed
    return found


def said_of(owed: Mapping[Partition, Owed]) -> dict[str, object]:
    """What is owed, for people and programs."""
    partitions = [
        {
            "topic": partition.topic,
            "partition": partition.number,
            "deferred": found.deferred.count(),
            "skipped": found.skipped.count(),
        }
        for partition, found in owed.items()
    ]
    return {
        "deferred": sum(found.deferred.count() for found in owed.values()),
        "skipped": sum(found.skipped.count() for found in owed.values()),
        "partitions": partitions,
    }


def _split(handler: Handler, spec: str) -> Split:
    if not isinstance(handler, Split):
        legal = "a fleet.split.Split: only its handlers put anything off"
        raise BadInput([Problem("handler", repr(spec), legal)])
    return handler


def _ledger_edge(settings: FleetSettings, place: Place) -> LedgerEdge:
    profile, security = profile_of(place.outputs), place.security()
    bootstrap = bootstrap_of(place.outputs, place.zone)
    consumer = settings.protocol is GroupProtocol.CONSUMER
    protocol = settings.protocol if consumer else GroupProtocol.COOPERATIVE
    own = settings.model_copy(
        update={"group": f"{settings.group}{REPLAY}", "instance": None, "protocol": protocol}
    )
    reader = member_settings(own, profile, bootstrap, place.zone) | security
    return LedgerEdge(
        settings.deferred_topic, reader, dead_letter_settings(profile, bootstrap) | security
    )


def _replay(
    settings: FleetSettings,
    place: Place,
    split: Split,
    owed: Mapping[Partition, Owed],
    edge: LedgerEdge,
    key_of: KeyOf | None,
) -> ReplayEnd:
    profile, security = profile_of(place.outputs), place.security()
    bootstrap = bootstrap_of(place.outputs, place.zone)
    own = settings.model_copy(
        update={
            "group": f"{settings.group}{REPLAY}",
            "instance": None,
            "protocol": GroupProtocol.COOPERATIVE,
        }
    )
    client = member_settings(own, profile, bootstrap, place.zone) | security
    client |= {"enable.partition.eof": True}
    letters = DeadLetters(
        settings.dead_letter_topic,
        settings.group,
        dead_letter_settings(profile, bootstrap) | security,
    )
    try:
        running = Replay(
            settings,
            client,
            split,
            owed,
            letters.bury,
            edge.cross_off,
            key_of=key_of,
            tell=to_stderr,
        )
        _on_end(running.stop)
        ended = running.run(edge.check)
        return replace(ended, unburied=letters.flush(LETTERS_FLUSH_S))
    finally:
        letters.close()


def _on_end(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
