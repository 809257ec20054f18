"""One process of a fleet: a member and its dead letters, from StackOutputs to its end."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry

from blueprint.client_settings import Setting
from blueprint.outputs import StackOutputs
from blueprint.security import Credentials, client_security
from fleet.clients import (
    Clients,
    bootstrap_of,
    dead_letter_settings,
    member_settings,
    profile_of,
)
from fleet.dead_letters import DeadLetters
from fleet.health import Health, LagJudgement
from fleet.member import Ending, Member
from fleet.metrics import MemberCollector, SignalCounts
from fleet.record import Handler, KeyOf
from fleet.settings import FleetSettings
from fleet.signals import Tell, to_stderr

if TYPE_CHECKING:
    from fleet.tracing import Tracing

LETTERS_FLUSH_S = 10.0


class GivesClients(Protocol):
    """Knows where and as whom a fleet runs: a stack's outputs, or a Deployment."""

    def clients(self, settings: FleetSettings) -> Clients:
        """The settings of its clients.

        Raises:
            BadInput: What was given does not fit the stack.
        """
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
        """The settings of a process's clients.

        Raises:
            BadInput: What was given does not fit the stack.
        """
        profile, security = profile_of(self.outputs), self.security()
        bootstrap = bootstrap_of(self.outputs, self.zone)
        return Clients(
            consumer=member_settings(settings, profile, bootstrap, self.zone) | security,
            letters=dead_letter_settings(profile, bootstrap) | security,
        )


class FleetProcess:
    """Made whole or refused; runs once.

    Attributes:
        registry: Its metrics; whoever has more to say may register it there.
        health: What it answers, to whoever serves it.
    """

    def __init__(
        self,
        settings: FleetSettings,
        place: GivesClients,
        handler: Handler,
        key_of: KeyOf | None = None,
        tell: Tell = to_stderr,
        lag: LagJudgement | None = None,
    ) -> None:
        """Make the clients; nothing joins before ``run``.

        Raises:
            BadInput: What was given does not fit the stack.
        """
        clients = place.clients(settings)
        signals = SignalCounts(settings.group, tell)
        self._tracing = _tracing(settings, signals.tell)
        if self._tracing is not None:
            handler = self._tracing.handler(handler)
        self._letters = DeadLetters(settings.dead_letter_topic, settings.group, clients.letters)
        bury = self._letters.bury
        self.member = Member(
            settings, clients.consumer, handler, bury, key_of=key_of, tell=signals.tell
        )
        self.registry = CollectorRegistry()
        self.registry.register(signals)
        self.registry.register(MemberCollector(settings.group, self.member.figures))
        self.health = Health(self.member.figures, self.registry, settings.drain_deadline_s, lag)

    def run(self) -> Ending:
        """Handle records until ``member.stop`` is called.

        Raises:
            BadInput: A topic does not exist.
            FleetError: The group cannot be had, or the client failed for good.
        """
        try:
            ending = self.member.run()
            return replace(ending, unburied=self._letters.flush(LETTERS_FLUSH_S))
        finally:
            self._letters.close()
            if self._tracing is not None:
                self._tracing.close()


def _tracing(settings: FleetSettings, tell: Tell) -> "Tracing | None":
    if settings.traces is None:
        return None
    # Only here: importing it takes 0.2 s and 10 MB, and a fleet without traces needs none of it.
    from fleet.tracing import Tracing

    return Tracing(settings.traces, settings.group, tell)
