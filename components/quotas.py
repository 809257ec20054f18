"""Quotas: what one fleet or client may take of each broker, so that none can exhaust it for all."""

from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from blueprint.quotas import Quota
from blueprint.security import Security
from components.kafka_admin import KafkaConnection, changed_connection, gone, looked_at, note
from components.quota_client import CLIENT_ID, USER, QuotaEntity, quota_client

#: Each input, by Kafka's name for it.
_KAFKA_NAMES = {
    "produce_bytes_per_s": "producer_byte_rate",
    "fetch_bytes_per_s": "consumer_byte_rate",
    "request_percent": "request_percentage",
}
_INPUTS = ("kind", "user", *_KAFKA_NAMES)


class QuotaProvider(ResourceProvider):
    """Sets one principal's quotas, or one client id's."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Everything is changed in place."""
        changed = any(_olds.get(name) != _news.get(name) for name in _INPUTS)
        return DiffResult(changed or changed_connection(_olds, _news))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Set it."""
        _set(props)
        return CreateResult(f"{props['kind']}/{props['user']}", props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Set what it became, and lift it from whom it no longer is of.

        Not by a replacement: that would ask the old quota's cluster, which may be gone with it.
        """
        _set(_news)
        if _entity(_olds) != _entity(_news):
            quota_client(_news).set(_entity(_olds), dict.fromkeys(_KAFKA_NAMES.values()))
        return UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is in force; where the cluster does not answer, what was known."""
        if looked_at(props) is None:
            note(f"quota {id_}: the cluster does not answer; left as it was known")
            return ReadResult(id_, props, props)
        found = quota_client(props).get(_entity(props))
        if not found:
            return ReadResult("", {})
        seen = props | {name: round(found.get(kafka, 0)) for name, kafka in _KAFKA_NAMES.items()}
        return ReadResult(id_, seen, seen)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Lift it."""
        if gone(_props):
            return
        quota_client(_props).set(_entity(_props), dict.fromkeys(_KAFKA_NAMES.values()))


class ClientQuota(Resource, module="quorate", name="ClientQuota"):
    """The quota of one fleet or client."""

    def __init__(
        self,
        name: str,
        connection: KafkaConnection,
        quota: Quota,
        security: Security,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it; where nobody proves who he is, the client id is all there is to go by."""
        inputs = {
            "kind": CLIENT_ID if security is Security.PLAINTEXT else USER,
            "user": quota.user,
            **{field: getattr(quota, field) for field in _KAFKA_NAMES},
        }
        super().__init__(QuotaProvider(), name, connection.inputs() | inputs, opts)


def _entity(props: dict[str, Any]) -> QuotaEntity:
    return QuotaEntity(str(props["kind"]), str(props["user"]))


def _set(props: dict[str, Any]) -> None:
    wanted = {kafka: float(props[name]) for name, kafka in _KAFKA_NAMES.items()}
    quota_client(props).set(_entity(props), wanted)
