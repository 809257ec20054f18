"""latency: a zone is far away."""

import statistics
from collections.abc import Sequence

from blueprint.failover_budget import Loss
from chaos.faults.fault import Effect, Fault, Scene
from chaos.leases import Undo
from chaos.targets.target import Ability

PROBES = 5


class Latency(Fault):
    """Round trips of one zone's client and replication links grow by ``latency_ms``."""

    name = "latency"
    says = "Everything between one zone and the others takes longer; nothing fails."
    loss = Loss.LATENCY
    needs = frozenset({Ability.LINKS})
    needs_latency = True

    def __init__(self, scene: Scene) -> None:
        """Bind to a zone."""
        super().__init__(scene)
        self._links = scene.links_of_zone("client", "replication")
        self._before_ms: dict[str, float] = {}

    def undo(self) -> Sequence[Undo]:
        """Heal the links."""
        return (Undo(action="heal-links", names=tuple(self._links)),)

    def inject(self) -> None:
        """Measure the round trips, then slow them."""
        scene = self._scene
        self._before_ms = self._round_trips_ms()
        scene.target.slow(self._links, scene.latency_ms, scene.jitter_ms)

    def effects(self) -> Sequence[Effect]:
        """How much the median round trip of the least and of the most slowed link grew."""
        now_ms = self._round_trips_ms()
        grown = [now_ms[link] - self._before_ms[link] for link in self._links]
        return (
            Effect("links slowed", "links", len(self._links), sum(g > 0 for g in grown)),
            Effect("round trip grown", "ms", self._scene.latency_ms, statistics.median(grown)),
        )

    def heal(self) -> Sequence[str]:
        """Let everything through at once again."""
        return self._scene.heal_links(self._links)

    def _round_trips_ms(self) -> dict[str, float]:
        timeout_s = 2 + 4 * self._scene.latency_ms / 1000
        seen: dict[str, list[float]] = {link: [] for link in self._links}
        for _ in range(PROBES):
            for link, time_s in self._scene.target.probe_s(self._links, timeout_s).items():
                seen[link].append((timeout_s if time_s is None else time_s) * 1000)
        return {link: statistics.median(times) for link, times in seen.items()}
