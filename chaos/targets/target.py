"""What a fault may ask of a target, whichever it is."""

from collections.abc import Callable, Sequence
from typing import Protocol

from blueprint.outputs import StackOutputs

Say = Callable[[str], None]


class TargetError(Exception):
    """The target did not do what it was told."""


class Target(Protocol):
    """A cluster that can be disturbed. Every call is bounded in time and may be repeated."""

    @property
    def outputs(self) -> StackOutputs:
        """What the target says of itself."""

    def kill(self, node_ids: Sequence[int]) -> None:
        """SIGKILL nodes, all at one moment."""

    def start(self, node_ids: Sequence[int]) -> None:
        """Start those that do not run and wait until they listen."""

    def stall(self, links: Sequence[str]) -> None:
        """Hold back all data of links, both directions; connections stay open."""

    def slow(self, links: Sequence[str], latency_ms: float, jitter_ms: float) -> None:
        """Let the round trip over links grow by ``latency_ms``, half of it in each direction."""

    def heal_links(self, links: Sequence[str]) -> Sequence[str]:
        """Leave links as they were made; returns the zones whose server had to be restarted."""

    def probe_s(self, links: Sequence[str], timeout_s: float) -> dict[str, float | None]:
        """The round trip over each link as a client sees it; None when nothing came back."""
