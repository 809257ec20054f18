"""One process of a fleet: a member and its dead letters, from StackOutputs to its end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from blueprint.client_settings import Setting
from fleet.catch_up import Wish
from fleet.catching_up import CatchingUp, LagFollower
from fleet.dead_letters import DeadLetters
from fleet.health import Health, LagJudgement
from fleet.lag_reader import LagReader
from fleet.member import Ending, Member
from fleet.metrics import MemberCollector, SignalCounts
from fleet.placing import GivesClients
from fleet.put_off import Journal
from fleet.record import Handler, KeyOf
from fleet.settings import FleetSettings
from fleet.signals import Tell, to_stderr, without
from fleet.split import Split

if TYPE_CHECKING:
    from fleet.tracing import Tracing

LETTERS_FLUSH_S = 10.0


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
        signals = SignalCounts(settings.group, without(settings.quiet, tell))
        tell, letters = signals.tell, clients.letters
        self._letters = DeadLetters(settings.dead_letter_topic, settings.group, letters)
        self._follower: LagFollower | None = None
        self.catching_up: CatchingUp | None = None
        if isinstance(handler, Split):
            self._follower, self.catching_up = _catching_up(settings, place, letters, tell)
        self._tracing = _tracing(settings, tell)
        if self._tracing is not None:
            handler = self._tracing.handler(handler)
        self.member = Member(
            settings,
            clients.consumer,
            handler,
            self._letters.bury,
            key_of=key_of,
            tell=tell,
            catching_up=self.catching_up,
        )
        self.registry = CollectorRegistry()
        self.registry.register(signals)
        self.registry.register(MemberCollector(settings.group, self.member.figures))
        self.health = Health(self.member.figures, self.registry, settings.drain_deadline_s, lag)

    def wish(self, wish: Wish) -> None:
        """Begin or end catching up by hand; nothing where the handler is not a ``Split``."""
        if self.catching_up is not None:
            self.catching_up.wish(wish)

    def run(self) -> Ending:
        """Handle records until ``member.stop`` is called.

        Raises:
            BadInput: A topic does not exist.
            FleetError: The group cannot be had, or the client failed for good.
        """
        if self._follower is not None:
            self._follower.start()
        try:
            ending = self.member.run()
            return replace(ending, unburied=self._letters.flush(LETTERS_FLUSH_S))
        finally:
            if self._follower is not None:
                self._follower.end()
            self._letters.close()
            if self._tracing is not None:
                self._tracing.close()


def _catching_up(
    settings: FleetSettings, place: GivesClients, client: Mapping[str, Setting], tell: Tell
) -> tuple[LagFollower, CatchingUp]:
    """Asks a cluster for the group's lag, and writes down there what is put off."""
    reader, group, topics = LagReader(place), settings.group, settings.topics

    def lag() -> int:
        found = reader.read(group, topics, stamps=False)
        return sum(p.lag_records for p in found.partitions)

    follower = LagFollower(lag, settings.catch_up.look_every_s, tell)
    journal = Journal(settings.deferred_topic, client, tell)
    return follower, CatchingUp(settings, follower.lag, journal, tell)


def _tracing(settings: FleetSettings, tell: Tell) -> "Tracing | None":
    if settings.traces is None:
        return None
    # Only here: importing it takes 0.2 s and 10 MB, and a fleet without traces needs none of it.
    from fleet.tracing import Tracing

    return Tracing(settings.traces, settings.group, tell)
