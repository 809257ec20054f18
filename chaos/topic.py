"""The run's topic: made, waited for until whole, its leaders put back, its ends pinned."""

import time
from collections.abc import Mapping
from contextlib import suppress

from confluent_kafka import (
    Consumer,
    ElectionType,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

from blueprint.outputs import StackOutputs
from blueprint.topology import Role
from chaos.experiment.model import Workload
from chaos.fleet_member import topics_beside
from chaos.identity import client_identity
from chaos.targets.target import TargetError
from chaos.wire import Metadata, NoAnswer, Wire

MAKE_TIMEOUT_S = 30.0
#: Short, so that a signal is never kept waiting: it is seen between two calls.
_CALL_TIMEOUT_S = 2.0
_ASK_TIMEOUT_S = 1.0
_POLL_S = 0.1
#: Of a topic that deletes: the oldest record outlives its time by a segment at most.
_SEGMENTS = 4
#: Nothing may be removed while it is still to be read.
_KEPT = {"retention.ms": "-1", "retention.bytes": "-1"}


class Topic:
    """One topic as the run's own clients see it."""

    def __init__(self, outputs: StackOutputs, name: str, workload: Workload) -> None:
        """Bind to a name; nothing is made.

        Raises:
            BadInput: The suite's credentials cannot be had.
        """
        self.name, self.group = name, f"{name}-readers"
        self._beside = topics_beside(self.group, workload)
        self._outputs, self._workload = outputs, workload
        self._bootstrap = ",".join(outputs.bootstrap_servers.values())
        self._identity, self._wire = client_identity(outputs), Wire(outputs)
        self._admin = AdminClient(self._settings())

    def make(self) -> None:
        """Create it.

        Raises:
            TargetError: The cluster refused it, or lets the suite in nowhere.
        """
        workload = self._workload
        self._knock()
        config = {
            "min.insync.replicas": str(workload.min_insync_replicas),
            "unclean.leader.election.enable": str(workload.unclean_leader_election).lower(),
            **_KEPT,
            # Something is removed while it is still to be read only where that is the point.
            **_retention(workload.retention_s),
            **workload.topic_config,
        }
        replicas = workload.replication_factor
        beside = (NewTopic(name, 1, replicas, config=_KEPT) for name in self._beside)
        wanted = [self._wanted(config), *beside]
        made = self._admin.create_topics(wanted, operation_timeout=MAKE_TIMEOUT_S)
        for name, done in made.items():
            try:
                done.result(MAKE_TIMEOUT_S)
            except (KafkaException, TimeoutError) as error:
                raise TargetError(f"topic {name} could not be made: {error}") from None

    def _wanted(self, config: dict[str, str]) -> NewTopic:
        workload = self._workload
        if workload.replica_assignment is None:
            replicas = workload.replication_factor
            return NewTopic(self.name, workload.partitions, replicas, config=config)
        brokers = [workload.replicas_of(p) or [] for p in range(workload.partitions)]
        return NewTopic(self.name, workload.partitions, replica_assignment=brokers, config=config)

    def keep(self) -> None:
        """From now on nothing of it is deleted any more.

        Raises:
            TargetError: The cluster refused it.
        """
        forever = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ConfigResource.Type.TOPIC, self.name, incremental_configs=[forever])
        for done in self._admin.incremental_alter_configs([asked]).values():
            try:
                done.result(MAKE_TIMEOUT_S)
            except (KafkaException, TimeoutError) as error:
                raise TargetError(f"topic {self.name} goes on deleting: {error}") from None

    def _knock(self) -> None:
        """Ask the brokers who says no: a client library says only that time is up."""
        brokers = [node for node in self._outputs.nodes if node.role is Role.BROKER]
        said = []
        for node in brokers:
            try:
                self._wire.metadata(node, self.name, _CALL_TIMEOUT_S)
            except NoAnswer as error:
                said.append(str(error))
            else:
                return
        raise TargetError(f"no broker answers the suite: {'; '.join(said)}")

    def drop(self) -> None:
        """Delete it."""
        with suppress(KafkaException, TimeoutError):
            for gone in self._admin.delete_topics([self.name, *self._beside]).values():
                gone.result(MAKE_TIMEOUT_S)

    def view(self) -> Metadata | None:
        """What all brokers agree on, or None while they do not or one does not answer."""
        brokers = [node for node in self._outputs.nodes if node.role is Role.BROKER]
        views = []
        for node in brokers:
            try:
                views.append(self._wire.metadata(node, self.name, _ASK_TIMEOUT_S))
            except NoAnswer:
                return None
        return views[0] if all(view == views[0] for view in views) else None

    def whole(self) -> bool:
        """Whether every broker serves and sees every partition with all replicas in sync."""
        view = self.view()
        brokers = {node.id for node in self._outputs.nodes if node.role is Role.BROKER}
        return (
            view is not None
            and view.brokers == brokers
            and len(view.partitions) == self._workload.partitions
            and all(
                len(state.isr) == self._workload.replication_factor for state in view.partitions
            )
        )

    def leaders(self) -> dict[int, int]:
        """The leader of each partition; empty while the brokers do not agree."""
        view = self.view()
        return {state.partition: state.leader for state in view.partitions} if view else {}

    def replicas(self, timeout_s: float) -> dict[int, tuple[int, ...]]:
        """The brokers that keep each partition.

        Raises:
            TargetError: The brokers did not agree on it within ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while (view := self.view()) is None:
            if time.monotonic() > deadline:
                raise TargetError(f"topic {self.name}: its brokers do not agree where it is kept")
            time.sleep(_POLL_S)
        return {state.partition: state.replicas for state in view.partitions}

    def elect_preferred(self) -> None:
        """Ask for the leaders the topic was made with, so that a zone is as busy as before."""
        try:
            # The binding of 2.16 refuses its own request_timeout argument.
            self._admin.elect_leaders(ElectionType.PREFERRED).result(_CALL_TIMEOUT_S)
        except (KafkaException, TimeoutError):
            # "Not needed" for each that leads already; the caller looks at the outcome.
            return

    def ends(self, timeout_s: float) -> Mapping[int, tuple[int, int]]:
        """Log start and high watermark of each partition, once all of them answer.

        Raises:
            TargetError: They did not within ``timeout_s``.
        """
        found: dict[int, tuple[int, int]] = {}
        reader = Consumer({**self._settings(), "group.id": "quorate-ends"})
        deadline = time.monotonic() + timeout_s
        try:
            while len(found) < self._workload.partitions:
                partition = len(found)
                try:
                    low, high = reader.get_watermark_offsets(
                        TopicPartition(self.name, partition), timeout=_CALL_TIMEOUT_S
                    )
                    found[partition] = (low, high)
                except KafkaException as error:
                    if time.monotonic() > deadline:
                        raise TargetError(f"partition {partition}'s end: {error}") from None
        finally:
            reader.close()
        return found

    def group_size(self, group: str) -> int | None:
        """How many members the group's coordinator counts; None when it does not answer."""
        try:
            asked = self._admin.describe_consumer_groups([group], request_timeout=_CALL_TIMEOUT_S)
            return len(asked[group].result(_CALL_TIMEOUT_S).members)
        except KafkaException as error:
            first = error.args[0]
            missing = (
                isinstance(first, KafkaError) and first.code() == KafkaError.GROUP_ID_NOT_FOUND
            )
            return 0 if missing else None
        except TimeoutError:
            return None

    def _settings(self) -> dict[str, str | int | float | bool]:
        return {
            "bootstrap.servers": self._bootstrap,
            "log_level": 0,
            "socket.timeout.ms": 2000,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 250,
            **self._identity,
        }


def _retention(retention_s: float | None) -> dict[str, str]:
    """Only whole segments are deleted: several make up what is kept."""
    if retention_s is None:
        return {}
    retention_ms = round(retention_s * 1000)
    return {"retention.ms": str(retention_ms), "segment.ms": str(retention_ms // _SEGMENTS)}
