"""What members do with a record besides writing it down: how long it takes, and in which parts."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Handlers at work at the same time, in each member; said to the fleet, which would choose as many.
LANES = 16
Records = Annotated[int, Field(ge=1, le=1 << 40)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CatchUp(_Strict):
    """When members leave out what can wait; as the fleet's settings have it.

    Attributes:
        enter_records: At this lag of the group they begin.
        leave_records: Below it, for ``hold_s``, they end.
    """

    enter_records: Records
    leave_records: Records
    hold_s: Annotated[float, Field(ge=0, le=3600)] = 2.0

    @model_validator(mode="after")
    def _leaves_below_where_it_enters(self) -> Self:
        if self.leave_records >= self.enter_records:
            raise ValueError(f"leave_records: below enter_records, {self.enter_records}")
        return self


class Effects(StrEnum):
    """How often a record's effect is had, by the way in which members go about it.

    EXACTLY_ONCE: In the transaction that remembers that it was applied; committed then.
    AT_LEAST_ONCE: Nothing is remembered; committed then.
    AT_MOST_ONCE: Committed first.
    """

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"
    AT_MOST_ONCE = "at-most-once"


class Work(_Strict):
    """What a record costs, and what comes of it.

    Attributes:
        effects: Each record has an effect in a database beside; None: there is none.
        capacity_x: What all members together can do, in times of the offered rate; None: as much
            as the machine lets them.
        catch_up: The work has two parts that cost the same, and one of them can wait; None: it is
            one.
    """

    capacity_x: Annotated[float, Field(ge=0.1, le=100)] | None = None
    catch_up: CatchUp | None = None
    effects: Effects | None = None

    @model_validator(mode="after")
    def _effects_stand_alone(self) -> Self:
        if self.effects is not None and (self.catch_up or self.capacity_x) is not None:
            raise ValueError("effects: without capacity_x and catch_up; nobody else may wait on it")
        return self

    def record_s(self, members: int, rate_per_s: float) -> float:
        """How long a handler is at one record, so that the members' capacity is what it is."""
        if self.capacity_x is None:
            return 0.0
        return members * LANES / (self.capacity_x * rate_per_s)
