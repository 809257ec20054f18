"""One process of a fleet: a member and its dead letters, from StackOutputs to its end."""

from dataclasses import dataclass, replace

from blueprint.client_settings import Setting
from blueprint.outputs import StackOutputs
from blueprint.security import Credentials, client_security
from fleet.clients import bootstrap_of, dead_letter_settings, member_settings, profile_of
from fleet.dead_letters import DeadLetters
from fleet.member import Ending, Member
from fleet.record import Handler, KeyOf
from fleet.settings import FleetSettings
from fleet.signals import Tell, to_stderr, without

LETTERS_FLUSH_S = 10.0


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
        self.member = Member(settings, client, handler, bury, key_of=key_of, tell=tell)

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
