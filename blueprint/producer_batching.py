"""How a producer batches, for a goal and as large as a plan's load fills batches."""

from blueprint.client_settings import Goal, Setting, batching
from blueprint.plan import Plan


def producer_batching(plan: Plan, goal: Goal) -> dict[str, Setting]:
    """Batch size, linger and codec of a producer of this plan, in librdkafka's names.

    ``BALANCED`` is the plan's own way to stay within the latency that was asked for. ``LATENCY``
    never gathers more nor longer than that, and ``THROUGHPUT`` never less.
    """
    own = batching(goal)
    planned: dict[str, Setting] = {
        "batch.size": plan.batch_bytes.value,
        "linger.ms": plan.linger_ms.value,
        "compression.type": plan.compression.value,
    }
    if goal is Goal.BALANCED:
        return planned
    choose = min if goal is Goal.LATENCY else max
    for name in ("batch.size", "linger.ms"):
        own[name] = choose(int(own[name]), int(planned[name]))
    return own
