"""A capacity plan: every number with the input or limit that decided it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import ceil
from typing import Generic, TypeVar

from blueprint.demand import Demand, Rates
from blueprint.machine_types import PRICES_OF, MachineType

#: Rule 14: 30 % above what is needed, of everything.
HEADROOM = 1.3
ZONES = 3
Value = TypeVar("Value", int, float, str)


@dataclass(frozen=True, slots=True)
class Figure(Generic[Value]):
    """One number of a plan.

    Attributes:
        value: In ``unit``; headroom is in it where a resource is bought.
        because: The input or limit that decided it.
    """

    value: Value
    unit: str
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build for a demand. Sizes are those of the day on which a zone is lost."""

    demand: Demand
    rates: Rates
    machine: MachineType
    partitions: Figure[int]
    topics: Figure[int]
    partitions_per_topic: Figure[int]
    linger_ms: Figure[int]
    batch_bytes: Figure[int]
    compression: Figure[str]
    instance_type: Figure[str]
    brokers_per_zone: Figure[int]
    controllers: Figure[int]
    network_in_bytes_per_s_per_zone: Figure[int]
    network_out_bytes_per_s_per_zone: Figure[int]
    cross_zone_bytes_per_s: Figure[int]
    disk_gib_per_broker: Figure[int]
    disk_iops_per_broker: Figure[int]
    disk_bytes_per_s_per_broker: Figure[int]
    network_threads: Figure[int]
    replica_fetchers: Figure[int]
    socket_buffer_bytes: Figure[int]
    socket_buffer_limit_bytes: Figure[int]
    consumer_threads: Figure[int]
    consumer_instances_per_group: Figure[int]
    brokers_usd_per_month: Figure[int]
    storage_usd_per_month: Figure[int]
    cross_zone_usd_per_month: Figure[int]

    def figures(self) -> Iterator[tuple[str, Figure[int] | Figure[str]]]:
        """Every number with its name, in the order of the fields."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Figure):
                yield field.name, value

    def as_dict(self) -> dict[str, object]:
        """What ``plan --json`` prints; ``schema`` changes when a name or unit does."""
        return {
            "schema": 1,
            "headroom": HEADROOM,
            "prices_of": PRICES_OF,
            "demand": self.demand.model_dump(),
            "rates": self.rates.model_dump(),
            "figures": {
                name: {"value": figure.value, "unit": figure.unit, "because": figure.because}
                for name, figure in self.figures()
            },
        }

    def as_markdown(self) -> str:
        """The table of figures, for a document or a pull request."""
        lines = ["| figure | value | unit | decided by |", "|---|---:|---|---|"]
        for name, figure in self.figures():
            value = written(figure.value)
            lines.append(f"| {name} | {value} | {figure.unit} | {figure.because} |")
        return "\n".join(lines) + "\n"


def written(value: float | str) -> str:
    """A value as people read it."""
    return value if isinstance(value, str) else f"{value:,}"


def whole(number: float) -> int:
    """Rounded up; what only the arithmetic of shares put above a whole number stays there."""
    return ceil(number * (1 - 1e-9))


def deciding(needs: dict[str, int]) -> tuple[int, str]:
    """The largest of several needs and which it was; the first of equals."""
    because = max(needs, key=lambda name: needs[name])
    return needs[because], because
