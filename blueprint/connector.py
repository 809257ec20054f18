"""Kafka Connect and Debezium's outbox connector, as the files and the JSON they are given.

Every value is either the failover profile's, or one whose default was measured to be wrong for an
outbox; ``docs/fleet.md`` has the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from blueprint.broker_settings import NEXT_TRANSACTION_LOOK_MS
from blueprint.failover_profile import FailoverProfile

#: The table, and the publication that lets its inserts alone be sent.
OUTBOX_TABLE = "quorate_outbox"
PUBLICATION = "quorate_outbox"
#: The slot and the prefix of Debezium's own topics, unless said.
SLOT = "quorate_outbox"
#: Debezium waits 10 s before it tries a database again that was restarted; with this the flow is
#: back in 0.3 to 1.3 s.
RETRY_WAIT_MS = 500
#: Without a change of its own the slot holds back everybody else's log; this makes it one.
HEARTBEAT_MS = 2_000
HEARTBEAT_QUERY = "select pg_logical_emit_message(false, 'quorate-heartbeat', 'x')"
#: Debezium looks for changes every 500 ms unless told; 1 ms costs a core, 5 ms nothing to speak of.
POLL_MS = 5
#: Standalone Connect publishes again, when killed, what it published since its offsets were last
#: written: 211 records at 1,000 ms and 500/s, 10 at 100.
OFFSET_FLUSH_MS = 100
#: A worker that is killed leaves its transaction open, and the next one does not begin before that
#: has timed out: it first reads its offsets to the end of what is committed. Kafka's 60 s were
#: measured as 59 s in which nothing was published. Ten are twice the longest failover that a
#: transaction has to live through, and brokers look for what has timed out every 10 s.
TRANSACTION_TIMEOUT_MS = 10_000
_BATCH_BYTES = 262_144
_STRINGS = "org.apache.kafka.connect.storage.StringConverter"
_BYTES = "io.debezium.converters.BinaryDataConverter"
_PROVIDERS = "org.apache.kafka.common.config.provider"
_JSON = "org.apache.kafka.connect.json.JsonConverter"


class WorkerMode(StrEnum):
    """How Connect runs.

    STANDALONE: One process, offsets in a file; a kill -9 makes duplicates.
    DISTRIBUTED: Any number, offsets in Kafka and in the transaction of the records; a kill -9
        makes none.
    """

    STANDALONE = "standalone"
    DISTRIBUTED = "distributed"


#: Each transaction ends with a flush, so that nothing waits for its linger; with less, the first
#: record of a transaction goes alone and all others wait for its answer.
_LINGER_MS = {WorkerMode.STANDALONE: 1, WorkerMode.DISTRIBUTED: 20}


@dataclass(frozen=True, slots=True)
class OutboxDatabase:
    """Where the outbox is.

    Attributes:
        password_variable: The worker's environment variable that holds the password; None where
            the database asks for none.
        schema: Of the outbox table.
    """

    host: str
    port: int
    database: str
    user: str
    password_variable: str | None = None
    schema: str = "public"


@dataclass(frozen=True, slots=True)
class MadeTopics:
    """How topics are made that Connect writes to first: brokers make none by themselves."""

    partitions: int = 12
    replicas: int = 3
    min_insync_replicas: int = 2


@dataclass(frozen=True, slots=True)
class Worker:
    """One Connect process.

    Attributes:
        group: Of the workers, and the first part of their topics' names.
        offsets_file: Of a standalone one.
        rest: Host and port of its API; nobody is asked who he is there.
    """

    mode: WorkerMode
    bootstrap: str
    group: str
    rest: str
    offsets_file: str = ""


def outbox_connector(
    place: OutboxDatabase,
    mode: WorkerMode,
    topics: MadeTopics | None = None,
    slot: str = SLOT,
) -> dict[str, str]:
    """Publishes each committed row of the outbox to the topic that the row names.

    The row's key is the record's, its payload the value as it is; its id is the header ``id`` and
    its time the record's, both the same however often it is published.
    """
    made = topics or MadeTopics()
    found = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "topic.prefix": slot,
        "database.hostname": place.host,
        "database.port": str(place.port),
        "database.dbname": place.database,
        "database.user": place.user,
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "slot.drop.on.stop": "false",
        # Made with the table: the connector's user need not own either.
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "disabled",
        "table.include.list": f"{place.schema}.{OUTBOX_TABLE}",
        # `no_data` would miss what was committed before the first start.
        "snapshot.mode": "initial",
        "poll.interval.ms": str(POLL_MS),
        "retriable.restart.connector.wait.ms": str(RETRY_WAIT_MS),
        "errors.max.retries": "-1",
        "heartbeat.interval.ms": str(HEARTBEAT_MS),
        "heartbeat.action.query": HEARTBEAT_QUERY,
        "tombstones.on.delete": "false",
        "provide.transaction.metadata": "false",
        **_routing(f"{slot}.{place.schema}.{OUTBOX_TABLE}"),
        **_converters(),
        "topic.creation.default.partitions": str(made.partitions),
        "topic.creation.default.replication.factor": str(made.replicas),
        "topic.creation.default.min.insync.replicas": str(made.min_insync_replicas),
    }
    if place.password_variable is not None:
        found["database.password"] = f"${{env:{place.password_variable}}}"
    if mode is WorkerMode.DISTRIBUTED:
        found |= {"exactly.once.support": "required", "transaction.boundary": "poll"}
    return found


def worker_settings(worker: Worker, profile: FailoverProfile, replicas: int = 3) -> dict[str, str]:
    """A worker's own settings.

    ``plugin.path`` is left out: an empty one is refused, and what is on the class path is found.
    """
    found = {
        "bootstrap.servers": worker.bootstrap,
        "listeners": f"http://{worker.rest}",
        "plugin.discovery": "service_load",
        "key.converter": _STRINGS,
        "value.converter": _STRINGS,
        "offset.flush.interval.ms": str(OFFSET_FLUSH_MS),
        "config.providers": "env",
        "config.providers.env.class": f"{_PROVIDERS}.EnvVarConfigProvider",
        "topic.creation.enable": "true",
        **_clients(profile, worker.mode),
    }
    if worker.mode is WorkerMode.STANDALONE:
        return found | {"offset.storage.file.filename": worker.offsets_file}
    storage = {}
    for what in ("config", "offset", "status"):
        storage[f"{what}.storage.topic"] = f"{worker.group}-{what}s"
        storage[f"{what}.storage.replication.factor"] = str(replicas)
    return found | {
        "group.id": worker.group,
        **storage,
        # Each would be 25 and 5 partitions: one connector needs one.
        "offset.storage.partitions": "1",
        "status.storage.partitions": "1",
        "exactly.once.source.support": "enabled",
        "session.timeout.ms": str(max(6_000, profile.group_session_timeout_ms)),
        "heartbeat.interval.ms": str(max(500, profile.group_heartbeat_interval_ms)),
        "scheduled.rebalance.max.delay.ms": "0",
    }


def properties(settings: Mapping[str, str]) -> str:
    """Settings as Java reads them from a file."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in sorted(settings.items()))


def _routing(rows: str) -> dict[str, str]:
    router = {
        "type": "io.debezium.transforms.outbox.EventRouter",
        "table.field.event.id": "id",
        "table.field.event.key": "key",
        "table.field.event.payload": "payload",
        "table.field.event.timestamp": "created_at",
        "table.op.invalid.behavior": "warn",
        "route.by.field": "topic",
        "route.topic.replacement": "${routedByValue}",
    }
    named = {f"transforms.outbox.{name}": value for name, value in router.items()}
    # Heartbeats are none of the router's business.
    return named | {
        "transforms": "outbox",
        "transforms.outbox.predicate": "rows",
        "predicates": "rows",
        "predicates.rows.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        "predicates.rows.pattern": rows.replace(".", "[.]"),
    }


def _converters() -> dict[str, str]:
    return {
        "key.converter": _STRINGS,
        "value.converter": _BYTES,
        # Of heartbeats, which are no bytes.
        "value.converter.delegate.converter.type": _JSON,
        "value.converter.delegate.converter.type.schemas.enable": "false",
    }


def _clients(profile: FailoverProfile, mode: WorkerMode) -> dict[str, str]:
    """What a zone loss is felt by, and what batches; the rest is Connect's own and right."""
    producer = {
        "request.timeout.ms": profile.client_request_timeout_ms,
        "socket.connection.setup.timeout.ms": profile.client_connection_setup_timeout_ms,
        "reconnect.backoff.ms": profile.client_reconnect_backoff_ms,
        "reconnect.backoff.max.ms": profile.client_reconnect_backoff_max_ms,
        "metadata.max.age.ms": profile.client_metadata_refresh_ms,
        "acks": "all",
        "enable.idempotence": "true",
        "linger.ms": _LINGER_MS[mode],
        "batch.size": _BATCH_BYTES,
        "compression.type": "lz4",
        "retry.backoff.ms": NEXT_TRANSACTION_LOOK_MS,
        "retry.backoff.max.ms": profile.client_retry_backoff_max_ms,
    }
    if mode is WorkerMode.DISTRIBUTED:
        producer["transaction.timeout.ms"] = TRANSACTION_TIMEOUT_MS
    return {f"producer.{name}": str(value) for name, value in producer.items()}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")
