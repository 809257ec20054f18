"""What members do with a record besides writing it down: how long it takes, and in which parts."""

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


class Work(_Strict):
    """What a record costs.

    Attributes:
        capacity_x: What all members together can do, in times of the offered rate; None: as much
            as the machine lets them.
        catch_up: The work has two parts that cost the same, and one of them can wait; None: it is
            one.
    """

    capacity_x: Annotated[float, Field(ge=0.1, le=100)] | None = None
    catch_up: CatchUp | None = None

    def record_s(self, members: int, rate_per_s: float) -> float:
        """How long a handler is at one record, so that the members' capacity is what it is."""
        if self.capacity_x is None:
            return 0.0
        return members * LANES / (self.capacity_x * rate_per_s)
