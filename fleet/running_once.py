"""One process of a fleet whose effects are in a database, each of them once."""

from confluent_kafka.admin import AdminClient

from fleet.dedup import DedupSettings, IdOf
from fleet.member import Ending
from fleet.once import Once, OnceFigures, TxHandler
from fleet.placing import GivesClients
from fleet.record import KeyOf
from fleet.remembering import Purging, claims_of, committed_of, logs_of, open_memory
from fleet.running import FleetProcess
from fleet.settings import FleetSettings
from fleet.signals import Tell, to_stderr


class OnceProcess:
    """Made whole or refused; runs once."""

    def __init__(
        self,
        settings: FleetSettings,
        dedup: DedupSettings,
        place: GivesClients,
        handler: TxHandler,
        key_of: KeyOf | None = None,
        id_of: IdOf | None = None,
        tell: Tell = to_stderr,
    ) -> None:
        """Open the database and make the clients; nothing joins before ``run``.

        Raises:
            BadInput: What was given does not fit the stack, or the database cannot be had.
            FleetError: No broker answers.
        """
        admin = AdminClient({**place.admin(), "log_level": 0})
        self._memory = open_memory(dedup, settings.group, logs_of(admin, settings.topics))
        self._once = Once(handler, self._memory, claims_of(dedup, key_of, id_of))
        self._process = FleetProcess(settings, place, self._once, key_of, tell)
        self.member, self.health = self._process.member, self._process.health
        committed = committed_of(admin, settings.group)
        self._purging = Purging(self._memory, committed, dedup.purge_every_s, tell)

    def run(self) -> Ending:
        """Apply records until ``member.stop`` is called.

        Raises:
            BadInput: A topic does not exist.
            FleetError: The group cannot be had, or the client failed for good.
        """
        self._purging.start()
        try:
            return self._process.run()
        finally:
            self._purging.end()
            self._memory.close()

    def figures(self) -> OnceFigures:
        """What was applied, and what was not applied again."""
        return self._once.figures()
