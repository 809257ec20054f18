"""The final read: one reader per replica, each proving which replica it read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blueprint.outputs import StackOutputs
from blueprint.topology import Role
from chaos.crew import Worker, launch, wait_all
from chaos.history.write import EventLog
from chaos.identity import client_identity
from chaos.topic import Topic
from chaos.workload.spec import FinalReadSpec

ENDS_TIMEOUT_S = 30.0
#: Half a million records a minute and replica at the very least; measured: ten times that.
_LEAST_PER_S = 8_000
_LEAST_TIMEOUT_S = 60.0


def read_every_replica(
    run_dir: Path,
    number: int,
    outputs: StackOutputs,
    topic: Topic,
    log: EventLog,
    *,
    isolation: str,
) -> None:
    """Pin the ends, read them from each replica, and look at the log start before and after.

    What transactions aborted is in the log for ever: only ``read_committed`` leaves it out.

    Raises:
        TargetError: The ends could not be had.
    """
    ends = topic.ends(ENDS_TIMEOUT_S)
    for partition, (low, high) in ends.items():
        log.add("log-start", partition=partition, offset=low)
        log.add("final-bounds", partition=partition, low=low, high=high)
    total = sum(high - low for low, high in ends.values())
    timeout_s = max(_LEAST_TIMEOUT_S, total / _LEAST_PER_S)
    brokers = [node for node in outputs.nodes if node.role is Role.BROKER]
    rack = {broker.id: broker.zone for broker in brokers}
    replicas = topic.replicas(ENDS_TIMEOUT_S)

    def hear(said: dict[str, Any]) -> None:
        said.pop("e", None)
        log.add("final-read", **said)

    readers = [
        Worker(
            run_dir,
            f"final-{broker.id}",
            broker.zone,
            launch(
                run_dir,
                FinalReadSpec(
                    history=str(run_dir / "history"),
                    run=number,
                    replica=broker.id,
                    topic=topic.name,
                    starts={str(partition): low for partition, (low, _) in ends.items()},
                    ends={str(partition): high for partition, (_, high) in ends.items()},
                    kept=[p for p, keep in replicas.items() if broker.id in keep],
                    alone=[
                        p
                        for p, keep in replicas.items()
                        if [rack[one] for one in keep].count(broker.zone) == 1
                    ],
                    timeout_s=timeout_s,
                    settings=_settings(outputs.bootstrap_servers[broker.zone], broker.zone)
                    | {"isolation.level": isolation}
                    | client_identity(outputs),
                ),
            ),
            hear,
        )
        for broker in brokers
    ]
    wait_all(readers, timeout_s + 10.0)
    _after(topic, ends, log)


def _after(topic: Topic, ends: Mapping[int, tuple[int, int]], log: EventLog) -> None:
    for partition, (low, high) in topic.ends(ENDS_TIMEOUT_S).items():
        if (low, high) != ends[partition]:
            log.add("log-start", partition=partition, offset=low, high=high)


def _settings(bootstrap: str, zone: str) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": bootstrap,
        # The broker of this rack serves the fetches; the statistics prove it.
        "client.rack": zone,
        "group.id": "quorate-final-read",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "check.crcs": True,
        "fetch.message.max.bytes": 4_000_000,
        "queued.max.messages.kbytes": 65_536,
        "log_level": 0,
    }
