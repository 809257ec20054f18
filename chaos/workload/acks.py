"""What a writer says of its acknowledgements, a few times a second."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos.workload.spec import say

REPORT_S = 0.25


@dataclass(slots=True)
class Acks:
    """The acknowledgements since the last report.

    Attributes:
        took_ms: From each send to its acknowledgement.
        highest: The highest offset of each partition; nothing where nobody knows a place yet.
        reported_s: When it was last said, by the monotonic clock.
    """

    took_ms: list[float] = field(default_factory=list)
    highest: dict[int, int] = field(default_factory=dict)
    reported_s: float = field(default_factory=time.monotonic)

    def report(self, producer: int, in_flight: int, *, now: bool = False) -> None:
        """Say it and begin anew, if it is time or ``now``."""
        at_s = time.monotonic()
        if not now and at_s - self.reported_s < REPORT_S:
            return
        say("acks", producer=producer, in_flight=in_flight, **self._figures(at_s))
        self.took_ms, self.highest, self.reported_s = [], {}, at_s

    def _figures(self, at_s: float) -> Mapping[str, object]:
        took = sorted(self.took_ms)
        return {
            "count": len(took),
            "p50_ms": round(took[len(took) // 2], 2) if took else None,
            "p99_ms": round(took[len(took) * 99 // 100], 2) if took else None,
            "span_s": round(at_s - self.reported_s, 3),
            "highest": self.highest,
        }
