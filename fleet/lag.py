"""Lag, the primary health signal of a fleet: what one look says, in the light of those before."""

from dataclasses import asdict, dataclass, field

from fleet.lag_deficit import DeficitAlarm, Flowing, drain_s, instances_for
from fleet.lag_levels import Level, level_after
from fleet.lag_trend import Sample, Window
from fleet.record import Partition

#: A trend is that of the last minute.
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class PartitionLook:
    """Where one partition stands.

    Attributes:
        committed: The group's; None before its first commit.
        low: The first offset of the log: what is below was deleted, and nobody waits for it.
        end: One beyond the last record that may be read.
        oldest_ms: When the record at the committed offset was written, in milliseconds since 1970;
            of an earlier one where that was not looked up yet; None where nothing waits.
    """

    partition: Partition
    committed: int | None
    low: int
    end: int
    oldest_ms: int | None = None

    @property
    def position(self) -> int:
        """Where the group goes on."""
        return self.low if self.committed is None else max(self.low, self.committed)

    @property
    def lag_records(self) -> int:
        """Offsets between the group and the end; where a log has holes, a little too many."""
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class GroupLook:
    """One group at one time.

    Attributes:
        at_s: Seconds since 1970.
        instances: Members that have partitions; None where nobody could say.
        unknown: Partitions of which no offsets could be had.
    """

    group: str
    at_s: float
    partitions: tuple[PartitionLook, ...]
    instances: int | None = None
    unknown: tuple[Partition, ...] = ()


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition's lag.

    Attributes:
        lag_s: How long its oldest record that is not done has waited; None where that is not known.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag_records: int
    lag_s: float | None
    level: Level


@dataclass(frozen=True, slots=True)
class GroupLag:
    """One group's lag.

    Attributes:
        level: Of its records.
        lag_s: Of the partition that is behind most.
        arriving_per_s: Records that are written for it.
        done_per_s: Records that it commits.
        slope_per_s: By how much its lag grows; all three None until a window says so.
        drain_s: Until it is gone at this slope; None where it does not shrink.
        deficit_ratio: The part of what arrives that is not kept up with.
        deficit: Whether that has lasted: it alarms at any level.
        per_instance_per_s: What one instance does when it is all it can do; None until one was seen
            at work with records waiting.
        instances_wanted: What carries the arriving rate and the headroom of 30 %; never more than
            there are partitions. None where neither rate nor instances are known.
        needs_partitions: Whether it would take more instances than there are partitions.
        expected_drain_s: Until it is gone with the instances wanted.
        unknown: Partitions whose offsets could not be had; they are in no sum.
    """

    group: str
    at_s: float
    level: Level
    lag_records: int
    lag_s: float | None
    arriving_per_s: float | None
    done_per_s: float | None
    slope_per_s: float | None
    drain_s: float | None
    deficit_ratio: float
    deficit: bool
    instances: int | None
    per_instance_per_s: float | None
    instances_wanted: int | None
    needs_partitions: bool
    expected_drain_s: float | None
    partitions: tuple[PartitionLag, ...]
    unknown: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, object]:
        """As JSON says it; levels by name."""
        fields = asdict(self) | {"level": self.level.title}
        fields["partitions"] = [asdict(p) | {"level": p.level.title} for p in self.partitions]
        return fields


@dataclass(frozen=True, slots=True)
class _Capacity:
    """What an instance can do, and what follows from it."""

    per_instance_per_s: float | None = None
    wanted: int | None = None
    needs_partitions: bool = False
    expected_drain_s: float | None = None


@dataclass(slots=True)
class LagWatch:
    """One group's looks, one after the other; pure but for what it remembers of them."""

    window_s: float = WINDOW_S
    _level: Level = Level.NORMAL
    _levels: dict[Partition, Level] = field(default_factory=dict)
    _alarm: DeficitAlarm = field(default_factory=DeficitAlarm)
    _per_instance: float | None = None
    _known: frozenset[Partition] = frozenset()
    _ends: Window = field(init=False)
    _dones: Window = field(init=False)
    _lags: Window = field(init=False)

    def __post_init__(self) -> None:
        """Begin with empty windows."""
        self._ends, self._dones, self._lags = (Window(self.window_s) for _ in range(3))

    def look(self, look: GroupLook) -> GroupLag:
        """What this look says."""
        lag = sum(p.lag_records for p in look.partitions)
        self._level = level_after(self._level, lag)
        self._sample(look, lag)
        flowing = Flowing(self._ends.trend(), self._dones.trend(), self._lags.trend())
        deficit = self._alarm.look(flowing, look.at_s)
        capacity = self._capacity(look, flowing, lag, deficit)
        partitions = tuple(self._partition(p, look.at_s) for p in look.partitions)
        waits = [p.lag_s for p in partitions if p.lag_s is not None]
        known = flowing.known
        return GroupLag(
            group=look.group,
            at_s=look.at_s,
            level=self._level,
            lag_records=lag,
            lag_s=max(waits, default=None if lag else 0.0),
            arriving_per_s=flowing.arriving.per_s if known else None,
            done_per_s=flowing.done.per_s if known else None,
            slope_per_s=flowing.lag.per_s if known else None,
            drain_s=drain_s(lag, -flowing.lag.per_s, 0.0) if known else None,
            deficit_ratio=flowing.deficit_ratio if known else 0.0,
            deficit=deficit,
            instances=look.instances,
            per_instance_per_s=capacity.per_instance_per_s,
            instances_wanted=capacity.wanted,
            needs_partitions=capacity.needs_partitions,
            expected_drain_s=capacity.expected_drain_s,
            partitions=partitions,
            unknown=tuple(map(str, look.unknown)),
        )

    def _sample(self, look: GroupLook, lag: int) -> None:
        """Add a sample; sums over other partitions than before are none."""
        known = frozenset(p.partition for p in look.partitions)
        if look.unknown:
            return
        if known != self._known:
            self._known = known
            for window in (self._ends, self._dones, self._lags):
                window.clear()
        end, done = (
            sum(p.end for p in look.partitions),
            sum(p.position for p in look.partitions),
        )
        for window, value in ((self._ends, end), (self._dones, done), (self._lags, lag)):
            window.add(Sample(look.at_s, float(value)))

    def _capacity(self, look: GroupLook, flowing: Flowing, lag: int, deficit: bool) -> _Capacity:
        instances = look.instances
        saturated = deficit or self._level > Level.NORMAL
        if flowing.known and saturated and instances and flowing.done.per_s > 0:
            # With records waiting, what is done is what can be done.
            self._per_instance = flowing.done.per_s / instances
        if self._per_instance is None or not flowing.known:
            return _Capacity(self._per_instance, instances)
        arriving = max(0.0, flowing.arriving.per_s)
        needed = instances_for(arriving, self._per_instance)
        if deficit and instances:
            needed = max(needed, instances + 1)
        wanted = min(needed, max(1, len(look.partitions)))
        expected = drain_s(lag, wanted * self._per_instance, arriving)
        return _Capacity(self._per_instance, wanted, needed > wanted, expected)

    def _partition(self, look: PartitionLook, at_s: float) -> PartitionLag:
        lag = look.lag_records
        level = level_after(self._levels.get(look.partition, Level.NORMAL), lag)
        self._levels[look.partition] = level
        waited = 0.0 if not lag else None
        if lag and look.oldest_ms is not None:
            waited = max(0.0, at_s - look.oldest_ms / 1000)
        topic, number = look.partition
        return PartitionLag(topic, number, look.committed, look.end, lag, waited, level)
