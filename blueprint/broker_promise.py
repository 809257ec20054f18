"""What holds data is kept: which changes of a cluster's brokers lose none of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from blueprint.problem import Problem


@dataclass(frozen=True, slots=True)
class BrokerPromise:
    """The brokers of a cluster and what each keeps.

    Attributes:
        brokers: Their ids.
        disk_gib: Of each one's data volume, which can grow and never shrink.
        instance_type: What they were planned with.
        drained: Of brokers that hold no replica any more and may go, as the stack says.
    """

    brokers: frozenset[int]
    disk_gib: int
    instance_type: str
    drained: frozenset[int] = frozenset()


def shrink_problems(old: BrokerPromise, new: BrokerPromise) -> Iterator[Problem]:
    """Why a cluster may not become another; nothing when every record survives the change."""
    lost = sorted(old.brokers - new.brokers - new.drained)
    if lost:
        yield Problem(
            "quorate:demand",
            f"{len(new.brokers)} brokers of {new.instance_type}, without {_named(lost)}",
            f"{len(old.brokers)} brokers or more: each of them holds data",
            f"plan with what there is, quorate:instance_type: {old.instance_type}; or move every "
            f"partition off them with kafka-reassign-partitions, then say quorate:drained_brokers: "
            f"{lost} and deploy, then ask for fewer",
        )
    if new.disk_gib < old.disk_gib:
        yield Problem(
            "quorate:demand",
            f"{new.disk_gib} GiB for each broker",
            f"{old.disk_gib} or more: a volume can grow and never shrink",
            f"say quorate:demand.disk_gib_today: {old.disk_gib}",
        )


def _named(brokers: list[int]) -> str:
    return ", ".join(f"broker-{one}" for one in brokers)
