"""Whoever writes in a run: Kafka's own producers, or writers of an outbox and its connector."""

import psycopg

from blueprint.client_settings import producer_settings
from chaos.budget import profile_of
from chaos.crew import Worker, launch
from chaos.experiment.model import Source
from chaos.identity import client_identity
from chaos.stepping import Stage
from chaos.targets.target import Outbox, TargetError
from chaos.workload.spec import OutboxSpec, ProducerSpec, Spec
from fleet.outbox import make_outbox

_BUSINESS = "create table business (place int, producer int, sequence bigint)"


def prepare(outbox: Outbox) -> None:
    """Make the tables of the business and of its outbox, then let the connector publish them.

    Raises:
        TargetError: The connector cannot be had.
    """
    make_outbox(outbox.dsn)
    with psycopg.connect(outbox.dsn) as connection:
        connection.execute(_BUSINESS)
    outbox.start()


def start_producers(stage: Stage, run: int) -> list[Worker]:
    """One process for each zone that was said, in their order."""
    zones = stage.experiment.workload.producers
    return [
        Worker(
            stage.run_dir,
            f"producer-{index}",
            zone,
            launch(stage.run_dir, _spec(stage, run, index, known(stage, zone))),
            stage.live.hear,
        )
        for index, zone in enumerate(zones)
    ]


def known(stage: Stage, zone: str) -> str:
    """A zone of the cluster.

    Raises:
        TargetError: It has none of that name.
    """
    zones = stage.target.outputs.zones
    if zone not in zones:
        raise TargetError(f"there is no zone {zone!r}; the cluster has {', '.join(zones)}")
    return zone


def _spec(stage: Stage, run: int, index: int, zone: str) -> Spec:
    workload, outputs = stage.experiment.workload, stage.target.outputs
    history, seed = str(stage.run_dir / "history"), stage.experiment.seed
    rate_per_s = workload.rate_per_s / len(workload.producers)
    place = (history, run, index, zone, stage.topic.name)
    load = (workload.partitions, workload.record_bytes, rate_per_s, seed)
    if workload.source is Source.OUTBOX:
        assert stage.outbox is not None
        return OutboxSpec(*place, *load, stage.outbox.dsn)
    settings = (
        producer_settings(profile_of(outputs), outputs.bootstrap_servers[zone], workload.goal)
        | {"acks": workload.acks, "enable.idempotence": workload.idempotence}
        | workload.producer_overrides
        | client_identity(outputs)
    )
    return ProducerSpec(*place, *load, settings)
