"""The connector's settings: rendered from the blueprint, with no secret in them."""

import pytest

from blueprint.connector import (
    MadeTopics,
    OutboxDatabase,
    Worker,
    WorkerMode,
    outbox_connector,
    properties,
    worker_settings,
)
from blueprint.failover_profile import BALANCED

PLACE = OutboxDatabase("db.example", 5432, "shop", "cdc", "CDC_PASSWORD")


def worker(mode: WorkerMode) -> Worker:
    """One of a group."""
    return Worker(mode, "one:9092", "outbox", "127.0.0.1:8083", "/state/offsets")


@pytest.mark.parametrize("mode", list(WorkerMode))
def test_what_was_measured_to_matter_is_set(mode: WorkerMode) -> None:
    """Each of these had a default that loses time, log or events."""
    found = outbox_connector(PLACE, mode, MadeTopics(partitions=24))
    assert found["retriable.restart.connector.wait.ms"] == "500"
    assert "pg_logical_emit_message" in found["heartbeat.action.query"]
    assert found["snapshot.mode"] == "initial"
    assert found["topic.creation.default.partitions"] == "24"
    assert found["topic.creation.default.replication.factor"] == "3"
    assert found["publication.autocreate.mode"] == "disabled"
    assert ("exactly.once.support" in found) == (mode is WorkerMode.DISTRIBUTED)
    said = worker_settings(worker(mode), BALANCED)
    assert "plugin.path" not in said
    assert said["plugin.discovery"] == "service_load"
    assert said["producer.acks"] == "all"
    # What a worker that was killed has left open keeps the next one from its offsets for so long.
    timeout_ms = "10000" if mode is WorkerMode.DISTRIBUTED else None
    assert said.get("producer.transaction.timeout.ms") == timeout_ms
    assert ("exactly.once.source.support" in said) == (mode is WorkerMode.DISTRIBUTED)
    assert ("offset.storage.file.filename" in said) == (mode is WorkerMode.STANDALONE)


def test_the_password_is_named_and_never_said() -> None:
    """The worker looks it up in its environment; a database that asks for none needs none."""
    asked = outbox_connector(PLACE, WorkerMode.DISTRIBUTED)
    assert asked["database.password"] == "${env:CDC_PASSWORD}"
    open_to_all = OutboxDatabase("db.example", 5432, "shop", "cdc")
    assert "database.password" not in outbox_connector(open_to_all, WorkerMode.DISTRIBUTED)


def test_only_rows_of_the_outbox_are_routed() -> None:
    """Heartbeats end in the slot's name too, and go to their own topic."""
    found = outbox_connector(PLACE, WorkerMode.STANDALONE, slot="shop")
    assert found["predicates.rows.pattern"] == "shop[.]public[.]quorate_outbox"
    assert found["table.include.list"] == "public.quorate_outbox"
    assert found["slot.name"] == found["topic.prefix"] == "shop"


def test_properties_are_read_by_java_as_they_were_written() -> None:
    """In one order, whoever asks, and with backslashes kept."""
    assert properties({"b": "x\\y", "a": "1"}) == "a=1\nb=x\\\\y\n"
