"""What a user chooses of a fleet; everything else follows from the blueprint."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from blueprint.client_settings import GroupProtocol
from blueprint.fleet_options import CatchUpSettings, TracingSettings
from blueprint.fleets import DEAD_LETTERS, DEFERRED, LONGEST_DRAIN_S
from blueprint.problem import BadInput, Problem, validated
from fleet.dedup import DedupSettings
from fleet.dedup_place import place_problem
from fleet.pressure import Bounds
from fleet.retries import RetrySchedule
from fleet.signals import SignalKind

MIB = 1 << 20
#: Kafka's own rule for the names of topics; groups are held to the same.
_NAME = r"^[A-Za-z0-9._-]{1,249}$"
Name = Annotated[str, Field(pattern=_NAME)]
#: Brokers drop a member that does not poll for this long (max.poll.interval.ms).
MAX_POLL_INTERVAL_S = 300


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Strict):
    """How a record that failed is tried again; see ``RetrySchedule``."""

    attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    first_s: Annotated[float, Field(ge=0.001, le=3600)] = 0.1
    factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    most_s: Annotated[float, Field(ge=0.001, le=3600)] = 10.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.2

    def schedule(self) -> RetrySchedule:
        """As the lanes use it."""
        return RetrySchedule(self.attempts, self.first_s, self.factor, self.most_s, self.jitter)


class FleetSettings(_Strict):
    """One fleet.

    Attributes:
        topics: What it reads.
        group: The consumer group.
        instance: Of static membership: the same name after a restart keeps its partitions.
        lanes: Handlers at work at the same time, in each process.
        in_flight_records: Read and not done, in each process.
        in_flight_bytes: Of values read and not done, in each process.
        drain_deadline_s: For handlers that are at a record when its partition is taken away.
        commit_every_s: A crash makes at most this much be done again.
        hung_after_s: A handler that is longer at one record is said to hang.
        stalled_after_s: A partition with work that stands longer is said to be stalled.
        traces: None: nothing is traced.
        dead_letters: The topic of what cannot be handled; the group's name and ``-dead-letter``.
        quiet: Signals that are not said; each commit is one, twice a second for each partition.
        deferred: The topic of what was put off while it caught up; the group's name and
            ``-deferred``. Needed only where the handler is a ``Split``.
        dedup: Where applied events are remembered; the handler is given a transaction there.
    """

    topics: tuple[Name, ...]
    group: Name
    instance: Name | None = None
    protocol: GroupProtocol = GroupProtocol.CONSUMER
    lanes: Annotated[int, Field(ge=1, le=4096)] = 16
    in_flight_records: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    in_flight_bytes: Annotated[int, Field(ge=MIB, le=1 << 36)] = 64 * MIB
    drain_deadline_s: Annotated[float, Field(ge=0, le=LONGEST_DRAIN_S)] = 10.0
    commit_every_s: Annotated[float, Field(ge=0.05, le=60)] = 0.5
    hung_after_s: Annotated[float, Field(ge=0.05, le=86_400)] = 30.0
    stalled_after_s: Annotated[float, Field(ge=0.05, le=86_400)] = 60.0
    dead_letters: Annotated[str, Field(pattern=r"^$|" + _NAME)] = ""
    deferred: Annotated[str, Field(pattern=r"^$|" + _NAME)] = ""
    retry: RetrySettings = RetrySettings()
    traces: TracingSettings | None = None
    quiet: tuple[SignalKind, ...] = (SignalKind.COMMITTED,)
    catch_up: CatchUpSettings = CatchUpSettings()
    dedup: DedupSettings | None = None

    @property
    def dead_letter_topic(self) -> str:
        """Where what cannot be handled goes."""
        return self.dead_letters or f"{self.group}{DEAD_LETTERS}"

    @property
    def deferred_topic(self) -> str:
        """Where it is written what was put off."""
        return self.deferred or f"{self.group}{DEFERRED}"

    @property
    def bounds(self) -> Bounds:
        """What may be in flight."""
        return Bounds(self.in_flight_records, self.in_flight_bytes)


def fleet_settings(given: Mapping[str, object], source: str = "") -> FleetSettings:
    """Settings as a user gave them.

    Raises:
        BadInput: Every problem at once; what contradicts itself is looked for only once every
            value is legal.
    """
    settings = validated(FleetSettings, dict(given), source)
    problems = _contradictions(settings)
    if problems:
        raise BadInput(problems)
    return settings


def _contradictions(settings: FleetSettings) -> list[Problem]:
    problems = []
    if settings.in_flight_records < settings.lanes:
        given, legal = str(settings.in_flight_records), f"{settings.lanes} or more, one a lane"
        problems.append(Problem("in_flight_records", given, legal))
    if settings.dead_letter_topic in settings.topics:
        legal = "a topic that the fleet does not read: a dead letter would come back for ever"
        problems.append(Problem("dead_letters", repr(settings.dead_letter_topic), legal))
    if settings.deferred_topic in (*settings.topics, settings.dead_letter_topic):
        legal = "a topic of its own"
        problems.append(Problem("deferred", repr(settings.deferred_topic), legal))
    if settings.catch_up.leave_records > settings.catch_up.enter_records:
        legal = f"at most enter_records, {settings.catch_up.enter_records}"
        problems.append(
            Problem("catch_up.leave_records", str(settings.catch_up.leave_records), legal)
        )
    if settings.retry.first_s > settings.retry.most_s:
        legal = f"at most most_s, {settings.retry.most_s:g}"
        problems.append(Problem("retry.first_s", f"{settings.retry.first_s:g}", legal))
    if not settings.topics:
        problems.append(Problem("topics", "none", "one or more topics"))
    if len(set(settings.topics)) < len(settings.topics):
        problems.append(Problem("topics", ", ".join(settings.topics), "each topic once"))
    place = None if settings.dedup is None else place_problem(settings.dedup.database)
    problems += [] if place is None else [place]
    if not re.fullmatch(_NAME, settings.dead_letter_topic):
        legal = "a topic's name; a group this long needs dead_letters to be said"
        problems.append(Problem("dead_letters", repr(settings.dead_letter_topic), legal))
    return problems
