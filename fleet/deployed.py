"""What an instance was given by its Deployment: environment and files, as the contract has them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from blueprint.client_settings import Setting
from blueprint.fleet_contract import LOOPBACK, PASSWORD, FleetFile, Variable, read_fleet_file
from blueprint.problem import BadInput, Problem
from fleet.clients import Clients, at_single_records, bounded, of_any_client
from fleet.placing import Place, place_of, text_of
from fleet.settings import FleetSettings

#: A client's setting that names a file; a proof that is not there is said before anyone connects.
_FILE = ".location"
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where health and metrics are answered."""

    host: str = LOOPBACK
    port: int = 0


@dataclass(frozen=True, slots=True)
class Deployed:
    """One instance's orders.

    Attributes:
        zone: The node's zone label; None where nobody says.
        instance: The pod's name; empty where nobody says.
        fields: What they say of ``FleetSettings``.
        health: None where nobody asks.
        password: Of SCRAM.
    """

    file: FleetFile
    zone: str | None
    instance: str
    fields: Mapping[str, object]
    health: Address | None
    password: str = field(default="", repr=False)

    def in_zone(self, zone: str | None) -> "Deployed":
        """The same in another zone, if one is said."""
        return self if zone is None else replace(self, zone=zone)

    def clients(self, settings: FleetSettings) -> Clients:
        """The settings of the process's clients."""
        consumer = bounded(self.file.consumer, settings, self.zone)
        return Clients(self._own(consumer), self._own(self.file.letters))

    def admin(self) -> dict[str, Setting]:
        """The settings of who asks for offsets."""
        return of_any_client(self._own(self.file.consumer))

    def stamps(self, group: str) -> dict[str, Setting]:
        """The settings of who looks at single records."""
        return at_single_records(self.admin(), group)

    def producer(self) -> dict[str, Setting] | None:
        """The settings of what the handler itself writes with; None if the fleet writes nothing."""
        return None if self.file.producer is None else self._own(self.file.producer)

    def _own(self, settings: Mapping[str, Setting]) -> dict[str, Setting]:
        found = dict(settings)
        if self.zone in self.file.bootstrap_by_zone:
            found["bootstrap.servers"] = self.file.bootstrap_by_zone[self.zone]
        if self.instance:
            found["client.id"] = self.instance
        return found | ({"sasl.password": self.password} if self.password else {})


def is_deployed(environment: Mapping[str, str]) -> bool:
    """Whether a Deployment started this process."""
    return bool(environment.get(Variable.SETTINGS))


def deployed(environment: Mapping[str, str], read: Callable[[Path], str]) -> Deployed:
    """What the environment and the files that it names say.

    Args:
        environment: Of the process.
        read: Reads a file, or raises ``BadInput``.

    Raises:
        BadInput: Every problem at once.
    """
    problems: list[Problem] = []
    path = Path(environment.get(Variable.SETTINGS, ""))
    found: FleetFile | None = None
    password = ""
    try:
        found = read_fleet_file(read(path), str(path))
    except BadInput as error:
        problems += error.problems
    if found is not None:
        problems += _of_file(found, path)
        try:
            password = _password(found, environment, read)
        except BadInput as error:
            problems += error.problems
    threads = _number(environment, Variable.THREADS, problems)
    drain_s = _number(environment, Variable.DRAIN_DEADLINE_S, problems)
    port = _number(environment, Variable.HEALTH_PORT, problems)
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        legal = f"1 to {_HIGHEST_PORT}"
        problems.append(Problem(f"${Variable.HEALTH_PORT}", str(port), legal))
    if found is not None and found.dedup and not environment.get(Variable.DEDUP_DATABASE):
        legal = "sqlite:PATH, or what libpq takes: the fleet's settings have dedup"
        problems.append(Problem(f"${Variable.DEDUP_DATABASE}", "nothing", legal))
    if problems or found is None:
        raise BadInput(problems)
    fields: dict[str, object] = {
        "topics": found.topics,
        "group": found.group,
        "protocol": found.protocol,
        "dead_letters": found.dead_letters,
        "deferred": found.deferred,
        "catch_up": found.catch_up,
        "traces": found.traces,
        "dedup": _dedup(found, environment),
    }
    said = {"lanes": threads, "drain_deadline_s": drain_s}
    host = environment.get(Variable.HEALTH_HOST) or LOOPBACK
    return Deployed(
        file=found,
        zone=environment.get(Variable.ZONE) or None,
        instance=environment.get(Variable.INSTANCE, ""),
        fields=fields | {name: value for name, value in said.items() if value is not None},
        health=None if port is None else Address(host, port),
        password=password,
    )


def place_or_deployed(
    outputs: Path | None, zone: str | None, credentials: Path | None
) -> Place | Deployed:
    """Where and as whom a command works: as its flags say, or as a Deployment does.

    Raises:
        BadInput: Neither does, or what they say is not what it should be.
    """
    if outputs is not None:
        return place_of(outputs, zone, credentials)
    if credentials is not None:
        legal = f"nothing without --outputs: a Deployment says it by ${Variable.IDENTITY}"
        raise BadInput([Problem("--credentials", str(credentials), legal)])
    if not is_deployed(os.environ):
        legal = f"a StackOutputs JSON, or ${Variable.SETTINGS} as a Deployment sets it"
        raise BadInput([Problem("--outputs", "nothing", legal)])
    return deployed(os.environ, text_of).in_zone(zone)


def _dedup(found: FleetFile, environment: Mapping[str, str]) -> dict[str, object] | None:
    if found.dedup is None:
        return None
    return {**found.dedup.model_dump(), "database": environment.get(Variable.DEDUP_DATABASE, "")}


def _number(
    environment: Mapping[str, str], variable: Variable, problems: list[Problem]
) -> int | None:
    text = environment.get(variable, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        problems.append(Problem(f"${variable}", repr(text), "a whole number"))
        return None
    return int(text)


def _of_file(found: FleetFile, path: Path) -> list[Problem]:
    problems = []
    if not found.group:
        problems.append(Problem(f"{path}: consumer.group.id", "nothing", "a consumer group"))
    missing = {
        name: place
        for name, place in found.consumer.items()
        if name.endswith(_FILE) and not Path(str(place)).is_file()
    }
    remedy = "the fleet's Secret is mounted there"
    for name, place in sorted(missing.items()):
        problems.append(Problem(f"{path}: consumer.{name}", str(place), "a file", remedy))
    return problems


def _password(found: FleetFile, environment: Mapping[str, str], read: Callable[[Path], str]) -> str:
    if "sasl.mechanism" not in found.consumer:
        return ""
    folder = environment.get(Variable.IDENTITY, "")
    if not folder:
        legal = f"the folder of {PASSWORD}, since the brokers ask for one"
        raise BadInput([Problem(f"${Variable.IDENTITY}", "nothing", legal)])
    password = read(Path(folder) / PASSWORD).strip()
    if not password:
        raise BadInput([Problem(str(Path(folder) / PASSWORD), "nothing", "a password")])
    return password
