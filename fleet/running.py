"""One process of a fleet: a member and its dead letters, from StackOutputs to its end."""

from dataclasses import replace

from blueprint.client_settings import Setting
from fleet.catch_up import Wish
from fleet.catching_up import CatchingUp, LagFollower
from fleet.clients import bootstrap_of, dead_letter_settings, member_settings, profile_of
from fleet.dead_letters import DeadLetters
from fleet.lag_reader import LagReader
from fleet.member import Ending, Member
from fleet.placing import Place
from fleet.put_off import Journal
from fleet.record import Handler, KeyOf
from fleet.settings import FleetSettings
from fleet.signals import Tell, to_stderr, without
from fleet.split import Split

LETTERS_FLUSH_S = 10.0


class FleetProcess:
    """Made whole or refused; runs once."""

    def __init__(
        self,
        settings: FleetSettings,
        place: Place,
        handler: Handler,
        key_of: KeyOf | None = None,
        tell: Tell = to_stderr,
    ) -> None:
        """Make the clients; nothing joins before ``run``.

        Raises:
            BadInput: What was given does not fit the stack.
        """
        profile, security = profile_of(place.outputs), place.security()
        bootstrap = bootstrap_of(place.outputs, place.zone)
        client = member_settings(settings, profile, bootstrap, place.zone) | security
        letters = dead_letter_settings(profile, bootstrap) | security
        self._letters = DeadLetters(settings.dead_letter_topic, settings.group, letters)
        bury, tell = self._letters.bury, without(settings.quiet, tell)
        self._follower: LagFollower | None = None
        self.catching_up: CatchingUp | None = None
        if isinstance(handler, Split):
            self._follower, self.catching_up = _catching_up(settings, place, letters, tell)
        self.member = Member(
            settings, client, handler, bury, key_of=key_of, tell=tell, catching_up=self.catching_up
        )

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


def _catching_up(
    settings: FleetSettings, place: Place, client: dict[str, Setting], tell: Tell
) -> tuple[LagFollower, CatchingUp]:
    """Asks a cluster for the group's lag, and writes down there what is put off."""
    reader, group, topics = LagReader(place), settings.group, settings.topics

    def lag() -> int:
        found = reader.read(group, topics, stamps=False)
        return sum(p.lag_records for p in found.partitions)

    follower = LagFollower(lag, settings.catch_up.look_every_s, tell)
    journal = Journal(settings.deferred_topic, client, tell)
    return follower, CatchingUp(settings, follower.lag, journal, tell)
