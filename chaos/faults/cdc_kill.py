"""cdc-kill: the connector that publishes an outbox dies without a word."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.interrupt import wait_until
from chaos.targets.target import Ability, Outbox

#: PostgreSQL sees that a reader is gone when its connection is reset: at once, on one machine.
SEEN_TIMEOUT_S = 15.0


class CdcKill(Fault):
    """SIGKILL of Connect's worker; when the step ends it is started again."""

    name = "cdc-kill"
    says = "What is committed is not published for a while, and then must be: once."
    loss = Loss.CONNECTOR
    needs = frozenset({Ability.OUTBOX})
    strikes_zone = False

    def __init__(self, scene: Scene) -> None:
        """Bind to the outbox."""
        super().__init__(scene)
        self._before = (0, 0)

    def inject(self) -> None:
        """Remember what published, and kill it."""
        self._before = (self._outbox.publishing(), self._outbox.reading())
        self._outbox.kill()

    def effects(self) -> Sequence[Effect]:
        """Its process is gone, and the database sees that nobody reads its log any more."""
        workers, readers = self._before
        wait_until(lambda: not self._outbox.reading(), SEEN_TIMEOUT_S)
        gone = workers - self._outbox.publishing()
        silent = readers - self._outbox.reading()
        return (
            Effect("connector processes gone", "processes", max(1, workers), gone),
            Effect("slots without a reader", "slots", max(1, readers), silent),
        )

    def heal(self) -> Sequence[str]:
        """Start it, and wait until changes flow."""
        self._outbox.start()
        return ()

    @property
    def _outbox(self) -> Outbox:
        assert self._scene.outbox is not None
        return self._scene.outbox
