"""Topics as they are declared, and which of their changes lose nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from blueprint.problem import Problem

#: The replication factor is one replica per zone; it cannot be changed by altering a topic.
REPLICATION_FACTOR = 3


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic.

    Attributes:
        partitions: Can grow and never shrink; growing moves keys to other partitions.
        config: Topic settings by Kafka's own names; ``min.insync.replicas`` is always among them,
            since a new cluster's eligible leader replicas only heed it there.
    """

    name: str
    partitions: int
    config: Mapping[str, str]
    replication_factor: int = REPLICATION_FACTOR

    @property
    def min_insync_replicas(self) -> int:
        """Replicas that must hold a record before it is acknowledged."""
        return int(self.config["min.insync.replicas"])


def change_problems(old: TopicSpec, new: TopicSpec) -> list[Problem]:
    """Why a topic may not become another; nothing when every record survives the change."""
    path, problems = f"topics.{new.name}", []
    if new.partitions < old.partitions:
        problems.append(
            Problem(
                f"{path}.partitions",
                str(new.partitions),
                f"{old.partitions} or more: partitions can grow and never shrink",
                "make a new topic and move its readers to it",
            )
        )
    if new.replication_factor != old.replication_factor:
        problems.append(
            Problem(
                f"{path}.replication_factor",
                str(new.replication_factor),
                f"{old.replication_factor}, as it was made",
                "move replicas with kafka-reassign-partitions, then declare what is",
            )
        )
    if new.min_insync_replicas < old.min_insync_replicas:
        problems.append(
            Problem(
                f"{path}.min_insync_replicas",
                str(new.min_insync_replicas),
                f"{old.min_insync_replicas} or more: what was promised to be on two zones stays so",
                "run `python -m chaos run control-min-isr-1` to see what it would cost",
            )
        )
    return problems
