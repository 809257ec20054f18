"""Consumer fleets as they are deployed: how many, how wide, how patient at their end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blueprint.client_settings import Setting
from blueprint.fleet_options import (
    NEVER_CATCHES_UP,
    WARNING_LAG_RECORDS,
    CatchUp,
    CatchUpSettings,
    DedupConfig,
    PostgresConfig,
    TracesConfig,
)

#: Beyond the drain deadline: the pod's own start of the end, commit and leaving the group.
GRACE_MARGIN_S = 15
#: Of the name of a fleet's topic for what cannot be handled.
DEAD_LETTERS = "-dead-letter"
#: Of the name of its topic for what it puts off while it catches up.
DEFERRED = "-deferred"
#: Of the name of the group that does later what was put off.
REPLAY = "-replay"
#: Brokers drop a member that does not poll for 300 s, and a revoke is answered from inside a poll:
#: draining must be over well before.
LONGEST_DRAIN_S = 120


def deferred_topic(group: str, catch_up: CatchUpSettings | None) -> str:
    """The topic of what a group puts off; empty where it never does."""
    never = catch_up is None or catch_up.when is CatchUp.NEVER
    return "" if never else f"{group}{DEFERRED}"


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """One fleet.

    Attributes:
        group: The consumer group; also the fleet's principal.
        instances: Planned; autoscaling starts from here and returns here.
        most_instances: Never above the partitions of what it reads: more would have none.
        threads: Lanes of one instance.
        drain_deadline_s: For what is in flight when an instance is told to end.
        lag_records: Backlog per instance at which one more is started: before Warning is reached
            by each.
        cpu_millis: Of one instance.
        memory_mib: Of one instance.
        batching: Of its own producer, in librdkafka's names, as the plan sizes it.
        catch_up: When the essential alone is done; never, unless it is said.
        dedup: Where it remembers what it applied; None: nowhere.
        traces: Where its traces go; None: nowhere.
    """

    name: str
    image: str
    consumes: tuple[str, ...]
    produces: tuple[str, ...]
    instances: int
    most_instances: int
    threads: int
    drain_deadline_s: int
    cpu_millis: int
    memory_mib: int
    lag_records: int = WARNING_LAG_RECORDS
    batching: Mapping[str, Setting] = field(default_factory=dict)
    catch_up: CatchUpSettings = NEVER_CATCHES_UP
    dedup: DedupConfig | None = None
    traces: TracesConfig | None = None

    @property
    def group(self) -> str:
        """The consumer group's id."""
        return self.name

    @property
    def dead_letters(self) -> str:
        """The topic of what it cannot handle: made with the stack, and the fleet may write it."""
        return f"{self.group}{DEAD_LETTERS}"

    @property
    def deferred(self) -> str:
        """The topic of what it puts off, made with the stack; empty where it never does."""
        return deferred_topic(self.group, self.catch_up)

    @property
    def topics(self) -> tuple[str, ...]:
        """Everything that has to be there before it can work."""
        own = (self.dead_letters, self.deferred) if self.deferred else (self.dead_letters,)
        return (*self.consumes, *self.produces, *own)

    @property
    def reached(self) -> tuple[PostgresConfig | TracesConfig, ...]:
        """What it connects to beside the brokers."""
        database = self.dedup.postgresql if self.dedup else None
        return tuple(one for one in (database, self.traces) if one is not None)

    @property
    def single(self) -> bool:
        """Whether a second instance at the same time would be wrong: its memory is one file."""
        return self.dedup is not None and self.dedup.single

    @property
    def termination_grace_s(self) -> int:
        """Longer than the drain deadline: nothing in flight is cut off."""
        return self.drain_deadline_s + GRACE_MARGIN_S
