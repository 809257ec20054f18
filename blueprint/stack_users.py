"""Who connects to a stack's brokers: fleets, and clients that run elsewhere."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from blueprint.access import Access, fleet_accesses, name_problems
from blueprint.client_settings import Goal
from blueprint.fleet_options import CatchUpSettings, DedupConfig
from blueprint.fleets import DEAD_LETTERS, LONGEST_DRAIN_S, deferred_topic
from blueprint.stack_fields import Image, Network, ObjectName, TopicName


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UserConfig(_Strict):
    """Who connects: a principal, and the topics it may read and write."""

    name: ObjectName
    consumes: tuple[TopicName, ...] = ()
    produces: tuple[TopicName, ...] = ()

    @field_validator("name")
    @classmethod
    def _nobody_elses(cls, name: str) -> str:
        for problem in name_problems(name):
            raise ValueError(problem.legal)
        return name

    @property
    def writes(self) -> tuple[str, ...]:
        """Every topic that he writes to."""
        return self.produces

    @property
    def accesses(self) -> tuple[Access, ...]:
        """What he may do on the cluster."""
        return fleet_accesses(self.name, self.consumes, self.writes)


class FleetConfig(UserConfig):
    """One consumer fleet.

    Attributes:
        instances: The plan's figure when left out.
        drain_deadline_s: For what is in flight when an instance is told to end.
        goal: What its own producer is tuned for.
        catch_up: Of a handler that is a ``fleet.split.Split``; None: it never catches up.
        dedup: Of a handler that is given a transaction: each event has one effect there.
    """

    image: Image
    consumes: Annotated[tuple[TopicName, ...], Field(min_length=1)]
    instances: Annotated[int, Field(ge=1, le=10_000)] | None = None
    drain_deadline_s: Annotated[int, Field(ge=1, le=LONGEST_DRAIN_S)] = 30
    cpu_millis: Annotated[int, Field(ge=50, le=64_000)] = 1000
    memory_mib: Annotated[int, Field(ge=64, le=262_144)] = 512
    goal: Goal = Goal.BALANCED
    catch_up: CatchUpSettings | None = None
    dedup: DedupConfig | None = None

    @property
    def dead_letters(self) -> str:
        """The topic of what it cannot handle."""
        return f"{self.name}{DEAD_LETTERS}"

    @property
    def writes(self) -> tuple[str, ...]:
        """What it produces, and its dead letters."""
        return (*self.produces, self.dead_letters)

    @property
    def deferred(self) -> str:
        """The topic of what it puts off while it catches up; empty where it never does."""
        return deferred_topic(self.name, self.catch_up)

    @property
    def accesses(self) -> tuple[Access, ...]:
        """What it may do on the cluster."""
        return fleet_accesses(self.name, self.consumes, self.writes, deferred=self.deferred)


class ClientConfig(UserConfig):
    """A producer or consumer that runs elsewhere and is let in.

    Attributes:
        cidrs: Where it connects from; nothing else is admitted.
    """

    cidrs: tuple[Network, ...] = ()
