"""greedy-consumer: someone else reads the whole topic as fast as he can, again and again."""

from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Intruder
from chaos.interrupt import wait_until

#: More than a fetch or two: whoever has read so much has begun.
LEAST_BYTES = 1_000_000
BEGUN_TIMEOUT_S = 30.0


class GreedyConsumer(Fault):
    """One more consumer, of no group, with one quota for itself or with none."""

    name = "greedy-consumer"
    says = "A consumer without manners reads everything from the start, over and over."
    loss = Loss.NONE
    strikes_zone = False

    def inject(self) -> None:
        """Let him begin."""
        self._intruder.start(self._scene.zone)

    def effects(self) -> Sequence[Effect]:
        """He reads; and where he has a quota, brokers say that they hold him back."""
        intruder = self._intruder
        bounded = intruder.quota_bytes_per_s is not None

        def begun() -> bool:
            return intruder.read_bytes >= LEAST_BYTES and (intruder.throttled or not bounded)

        wait_until(begun, BEGUN_TIMEOUT_S)
        reads = int(intruder.read_bytes >= LEAST_BYTES)
        found = [Effect("consumers that read from the start", "consumers", 1, reads)]
        if bounded:
            held = int(intruder.throttled)
            found.append(Effect("consumers held back by their quota", "consumers", 1, held))
        return found

    def heal(self) -> Sequence[str]:
        """End him."""
        self._intruder.end()
        return ()

    @property
    def _intruder(self) -> Intruder:
        assert self._scene.intruder is not None
        return self._scene.intruder
