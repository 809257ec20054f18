"""Where, as whom and by which settings a command works, from its flags and files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import yaml

from blueprint.client_settings import Setting
from blueprint.outputs import StackOutputs, load
from blueprint.problem import BadInput, Problem
from blueprint.security import Credentials, client_security, credentials_of
from fleet.clients import (
    Clients,
    bootstrap_of,
    dead_letter_settings,
    lag_admin_settings,
    member_settings,
    profile_of,
    stamp_settings,
)
from fleet.settings import FleetSettings

Made = TypeVar("Made")


class GivesClients(Protocol):
    """Knows where and as whom a fleet runs: a stack's outputs, or a Deployment.

    What it gives is in librdkafka's names, and secrets are among it. Each raises ``BadInput`` where
    what was given does not fit the stack.
    """

    def clients(self, settings: FleetSettings) -> Clients:
        """The settings of a process's member, and of who writes its dead letters."""
        ...

    def admin(self) -> dict[str, Setting]:
        """The settings of who asks the cluster for offsets."""
        ...

    def stamps(self, group: str) -> dict[str, Setting]:
        """The settings of who looks at single records."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom a fleet runs.

    Attributes:
        zone: Of this process: the brokers it begins with, and the replicas it reads from.
        own: The fleet's credentials, where the cluster asks for them.
    """

    outputs: StackOutputs
    zone: str | None = None
    own: Credentials | None = None

    def security(self) -> dict[str, Setting]:
        """What each client adds to its settings.

        Raises:
            BadInput: The credentials are not what the cluster asks for.
        """
        return client_security(self.outputs.security, self.own)

    def clients(self, settings: FleetSettings) -> Clients:
        """The settings of a process's clients; see ``GivesClients``."""
        profile, security = profile_of(self.outputs), self.security()
        bootstrap = bootstrap_of(self.outputs, self.zone)
        return Clients(
            consumer=member_settings(settings, profile, bootstrap, self.zone) | security,
            letters=dead_letter_settings(profile, bootstrap) | security,
        )

    def admin(self) -> dict[str, Setting]:
        """The settings of who asks for offsets."""
        bootstrap = bootstrap_of(self.outputs, self.zone)
        return lag_admin_settings(profile_of(self.outputs), bootstrap) | self.security()

    def stamps(self, group: str) -> dict[str, Setting]:
        """The settings of who looks at single records."""
        bootstrap = bootstrap_of(self.outputs, self.zone)
        return stamp_settings(profile_of(self.outputs), bootstrap, group) | self.security()


def place_of(outputs: Path, zone: str | None, credentials: Path | None) -> Place:
    """The stack, the zone and the credentials that were named.

    Raises:
        BadInput: A file cannot be read, or is not what it should be.
    """
    own = None
    if credentials is not None:
        own = credentials_of(text_of(credentials), str(credentials))
    return Place(load(text_of(outputs)), zone, own)


def text_of(path: Path) -> str:
    """What a file says.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        said = str(getattr(error, "strerror", None) or "it is no text")
        raise BadInput([Problem(str(path), "nothing readable", "a file", said)]) from None


def fields_of(path: Path | None) -> dict[str, object]:
    """What a YAML file of settings says; nothing without one.

    Raises:
        BadInput: It cannot be read, or is no YAML of names and values.
    """
    if path is None:
        return {}
    try:
        found = yaml.safe_load(text_of(path)) or {}
    except yaml.YAMLError as error:
        raise BadInput([Problem(str(path), "no YAML", "YAML", str(error))]) from None
    if not isinstance(found, Mapping):
        raise BadInput([Problem(str(path), type(found).__name__, "names and values")])
    return {str(name): value for name, value in found.items()}


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
