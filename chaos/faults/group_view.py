"""What a change of the group did, as its coordinator and its other members tell it."""

import time

from chaos.faults.fault import Effect, Members

#: Longer than the group's session time-out of 6 s in every profile but Kafka's own (45 s).
GROUP_TIMEOUT_S = 60.0
_POLL_S = 0.1


def moved(members: Members, before: int, timeout_s: float = GROUP_TIMEOUT_S) -> Effect:
    """Wait until members say that partitions were handed over since ``before``."""
    deadline = time.monotonic() + timeout_s
    while members.handed_over() == before and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    changed = members.handed_over() > before
    return Effect("partitions handed over", "rebalances", 1, int(changed))
