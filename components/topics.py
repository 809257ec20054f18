"""Topics of a running cluster: made, altered and grown; never shrunk, never promised less."""

import time
from collections.abc import Mapping
from typing import Any

import pulumi
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewPartitions, NewTopic
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from blueprint.topics import TopicSpec, change_problems
from components.kafka_admin import (
    CALL_TIMEOUT_S,
    KafkaConnection,
    Refused,
    admin_of,
    changed_connection,
    gone,
    looked_at,
    note,
    refusals,
)
from components.topic_promise import SPEC, promise_failures, promise_inputs, spec_of

#: From a topic's creation until each of its partitions is led.
LED_TIMEOUT_S = 30.0
_POLL_S = 0.05
_MIN_ISR = "min.insync.replicas"


class TopicProvider(ResourceProvider):
    """Makes a topic so, whatever it was before, unless a record or a promise would be lost."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse at the preview what an update would refuse, as far as it can be known then."""
        new, old = spec_of(news), spec_of(_olds)
        failures = promise_failures(old, new)
        admin = None if failures or new is None else looked_at(news)
        if admin is not None and new is not None:
            failures = promise_failures(live_topic(admin, new.name, new.config), new)
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A topic of another name is another topic; all else is altered in place."""
        replaced = ["topic"] if _olds.get("topic") != _news.get("topic") else []
        changed = any(_olds.get(name) != _news.get(name) for name in SPEC)
        return DiffResult(changed or changed_connection(_olds, _news), replaced)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it; one that is there already is brought to what is declared."""
        ensure_topic(admin_of(props), _declared(props))
        return CreateResult(str(props["topic"]), props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Alter it, and make it where it is missing: on a new cluster it is."""
        new, old = _declared(_news), spec_of(_olds)
        dropped = set(old.config) - set(new.config) if old else set()
        ensure_topic(admin_of(_news), new, dropped)
        return UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the cluster says of it; of one that does not answer, what was known."""
        said = spec_of(props)
        admin = looked_at(props)
        if admin is None or said is None:
            note(f"topic {id_}: the cluster does not answer; left as it was known")
            return ReadResult(id_, props, props)
        found = live_topic(admin, said.name, said.config)
        if found is None:
            return ReadResult("", {})
        seen = props | promise_inputs(found)
        return ReadResult(id_, seen, seen)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete it and its records."""
        if gone(_props):
            return
        with refusals(f"topic {_id} could not be deleted"):
            try:
                for deleted in admin_of(_props).delete_topics([_id]).values():
                    deleted.result(CALL_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise


class Topic(Resource, module="quorate", name="Topic"):
    """One topic; on a cluster that goes as a whole, give ``deleted_with`` that cluster."""

    def __init__(
        self,
        name: str,
        connection: KafkaConnection,
        spec: TopicSpec,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it."""
        super().__init__(TopicProvider(), name, connection.inputs() | promise_inputs(spec), opts)


def live_topic(admin: AdminClient, name: str, config: Mapping[str, str]) -> TopicSpec | None:
    """A topic as the cluster has it, or None.

    Args:
        admin: Who asks.
        name: The topic's.
        config: The settings that are of interest.

    Raises:
        Refused: The cluster does not answer.
    """
    with refusals(f"topic {name} could not be read"):
        # All topics at once: asked for one by name, some clusters would make it.
        found = admin.list_topics(timeout=CALL_TIMEOUT_S).topics.get(name)
        if found is None:
            return None
        asked = ConfigResource(ConfigResource.Type.TOPIC, name)
        said = admin.describe_configs([asked])[asked].result(CALL_TIMEOUT_S)
    wanted = {*config, _MIN_ISR}
    return TopicSpec(
        name=name,
        partitions=len(found.partitions),
        config={key: str(entry.value) for key, entry in said.items() if key in wanted},
        replication_factor=min(len(one.replicas) for one in found.partitions.values()),
    )


def ensure_topic(admin: AdminClient, spec: TopicSpec, dropped: set[str] | None = None) -> None:
    """Make a topic so; safe to repeat.

    Args:
        admin: Who does it.
        spec: How it is to be.
        dropped: Settings that go back to the cluster's own.

    Raises:
        Refused: The cluster refused, or it would lose a record or a promise.
    """
    had = live_topic(admin, spec.name, spec.config)
    if had is None:
        _make(admin, spec)
    else:
        problems = change_problems(had, spec)
        if problems:
            raise Refused("; ".join(map(str, problems)))
        _alter(admin, had, spec, dropped or set())
    _await_led(admin, spec)


def _make(admin: AdminClient, spec: TopicSpec) -> None:
    asked = NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
    with refusals(f"topic {spec.name} could not be made"):
        admin.create_topics([asked])[spec.name].result(CALL_TIMEOUT_S)


def _alter(admin: AdminClient, had: TopicSpec, spec: TopicSpec, dropped: set[str]) -> None:
    operations = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in spec.config.items()
        if had.config.get(name) != value
    ]
    operations += [
        ConfigEntry(name, None, incremental_operation=AlterConfigOpType.DELETE)
        for name in sorted(dropped)
    ]
    with refusals(f"topic {spec.name} could not be altered"):
        if operations:
            wanted = ConfigResource(
                ConfigResource.Type.TOPIC, spec.name, incremental_configs=operations
            )
            admin.incremental_alter_configs([wanted])[wanted].result(CALL_TIMEOUT_S)
        if spec.partitions > had.partitions:
            grown = NewPartitions(spec.name, spec.partitions)
            admin.create_partitions([grown])[spec.name].result(CALL_TIMEOUT_S)


def _await_led(admin: AdminClient, spec: TopicSpec) -> None:
    deadline = time.monotonic() + LED_TIMEOUT_S
    while True:
        with refusals(f"topic {spec.name} could not be read"):
            found = admin.list_topics(timeout=CALL_TIMEOUT_S).topics.get(spec.name)
        if found is not None and _led(found) >= spec.partitions:
            return
        if time.monotonic() > deadline:
            raise Refused(f"topic {spec.name}: not every partition is led after {LED_TIMEOUT_S} s")
        time.sleep(_POLL_S)


def _led(topic: TopicMetadata) -> int:
    return sum(partition.leader >= 0 for partition in topic.partitions.values())


def _declared(props: Mapping[str, Any]) -> TopicSpec:
    spec = spec_of(props)
    if spec is None:
        raise Refused("a topic of which not all is known")
    return spec
