"""Client quotas over Kafka's own protocol: librdkafka has no request for them, kafka-python has."""

import ssl
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from blueprint.client_settings import Setting
from components.kafka_admin import (
    CALL_TIMEOUT_S,
    Props,
    Refused,
    connection_settings,
    same_settings,
)

with warnings.catch_warnings():
    # The library reads its schemas by a function that Python 3.11 calls out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient  # type: ignore[import-untyped]
    from kafka.errors import KafkaError  # type: ignore[import-untyped]
    from kafka.protocol.admin import (  # type: ignore[import-untyped]
        AlterClientQuotasRequest,
        AlterClientQuotasResponse,
        DescribeClientQuotasRequest,
        DescribeClientQuotasResponse,
    )

CONNECT_TIMEOUT_S = 10.0
#: Kafka's kinds of an entity, and its number for "of exactly this name".
USER, CLIENT_ID = "user", "client-id"
_EXACTLY = 0


@dataclass(frozen=True, slots=True)
class QuotaEntity:
    """Whose quota: ``kind`` is ``USER`` or ``CLIENT_ID``."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As a person would say it."""
        return f"{self.kind} {self.name}"


class QuotaClient:
    """Reads and writes the quotas of one cluster."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        """Connect, with the settings that librdkafka would be given.

        Raises:
            Refused: The cluster does not answer.
        """
        own = _python_settings(settings)
        self._client = _answered("quotas", lambda: KafkaAdminClient(**own))

    def set(self, entity: QuotaEntity, quotas: Mapping[str, float | None]) -> None:
        """Set quotas by Kafka's own names; None takes one away.

        Raises:
            Refused: The cluster refused.
        """
        entry = AlterClientQuotasRequest.EntryData
        wanted = entry(
            entity=[entry.EntityData(entity_type=entity.kind, entity_name=entity.name)],
            ops=[
                entry.OpData(key=key, value=value or 0.0, remove=value is None)
                for key, value in quotas.items()
            ],
        )
        request = AlterClientQuotasRequest(entries=[wanted], validate_only=False)
        answer: AlterClientQuotasResponse = self._ask(f"quota of {entity}", request)
        for one in answer.entries:
            _refuse(f"quota of {entity}", one)

    def get(self, entity: QuotaEntity) -> dict[str, float]:
        """The quotas in force for exactly this entity.

        Raises:
            Refused: The cluster refused.
        """
        component = DescribeClientQuotasRequest.ComponentData(
            entity_type=entity.kind, match_type=_EXACTLY, match=entity.name
        )
        request = DescribeClientQuotasRequest(components=[component], strict=True)
        answer: DescribeClientQuotasResponse = self._ask(f"quota of {entity}", request)
        _refuse(f"quota of {entity}", answer)
        return {
            str(value.key): float(value.value)
            for entry in answer.entries or ()
            for value in entry.values
        }

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _ask(self, what: str, request: Any) -> Any:  # noqa: ANN401
        # The library's own admin client has no call for quotas, but sends any request.
        manager = self._client._manager

        async def sent() -> Any:  # noqa: ANN401
            return await manager.send(request)

        return _answered(what, lambda: manager.run(sent))


def quota_client(props: Props) -> QuotaClient:
    """The one client of this process for the cluster that a resource's inputs name.

    Raises:
        Refused: The cluster does not answer.
    """
    settings = connection_settings(props)
    key = same_settings(settings)
    with _LOCK:
        if key not in _CLIENTS:
            _CLIENTS[key] = QuotaClient(settings)
        return _CLIENTS[key]


_LOCK = Lock()
_CLIENTS: dict[str, QuotaClient] = {}


def _python_settings(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """The same connection in the names of the other library."""
    protocol = str(settings.get("security.protocol", "PLAINTEXT")).upper()
    own: dict[str, Any] = {
        "bootstrap_servers": str(settings["bootstrap.servers"]).split(","),
        "client_id": "quorate-quotas",
        "security_protocol": protocol,
        "bootstrap_timeout_ms": round(CONNECT_TIMEOUT_S * 1000),
        "request_timeout_ms": round(CALL_TIMEOUT_S * 1000),
        "reconnect_backoff_max_ms": 1000,
    }
    if protocol.endswith("SSL"):
        own["ssl_context"] = _tls(settings)
    if protocol.startswith("SASL"):
        own |= {
            "sasl_mechanism": settings["sasl.mechanism"],
            "sasl_plain_username": settings["sasl.username"],
            "sasl_plain_password": settings["sasl.password"],
        }
    return own


def _tls(settings: Mapping[str, Setting]) -> ssl.SSLContext:
    authority = settings.get("ssl.ca.pem")
    context = ssl.create_default_context(cadata=str(authority) if authority else None)
    if settings.get("ssl.endpoint.identification.algorithm", "https") != "https":
        context.check_hostname = False
    certificate, key = settings.get("ssl.certificate.pem"), settings.get("ssl.key.pem")
    if certificate and key:
        # Python reads a key from a file alone; it is its owner's, and gone at once.
        with tempfile.NamedTemporaryFile("w", prefix="quorate-", suffix=".pem") as file:
            file.write(f"{key}\n{certificate}\n")
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _answered(what: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401
    try:
        return ask()
    except (KafkaError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Refused(f"{what}: the cluster does not answer: {reason}") from None


def _refuse(what: str, said: Any) -> None:  # noqa: ANN401
    if said.error_code:
        raise Refused(f"{what} was refused: {said.error_message or f'error {said.error_code}'}")
