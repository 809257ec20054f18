"""How the stack's administrator reaches the cluster: once for each process, whatever it declares.

A program hands the connection over as inputs; the providers of topics, users, access rules and
quotas read it back in the engine's plugin process, and share one client there.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeGuard

import pulumi
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pulumi.runtime import rpc

from blueprint.client_settings import Setting
from blueprint.problem import BadInput, Problem

#: Names a JSON file of librdkafka settings that win over the stack's: through a tunnel the brokers
#: are elsewhere than their addresses say. A setting that is null there is left out.
SETTINGS_VARIABLE = "QUORATE_ADMIN_SETTINGS"
#: For one request to the cluster and its answer.
CALL_TIMEOUT_S = 30.0
#: For a look at a cluster that may not be there: a preview must not hang on it.
LOOK_TIMEOUT_S = 3.0
#: Two hundred topics look for the same cluster: what one saw holds for all of them this long.
_LOOK_LASTS_S = 10.0
#: The inputs of a connection, by which every provider finds it.
BOOTSTRAP, SETTINGS, LASTING = "bootstrap", "settings", "lasting"

Props = Mapping[str, Any]


class Refused(Exception):
    """The cluster did not do what it was asked; the text is one line."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How a cluster is administered.

    Attributes:
        bootstrap: Bootstrap servers as this machine reaches them.
        settings: librdkafka settings besides, credentials included; kept as a secret.
        lasting: Whether it outlives what declares it; one that does not, and no longer answers, is
            gone with everything in it.
    """

    bootstrap: pulumi.Input[str]
    settings: pulumi.Input[Mapping[str, Setting]]
    lasting: bool = True

    def inputs(self) -> dict[str, pulumi.Input[Any]]:
        """The inputs that ``connection_key`` and ``admin_of`` read back."""
        text = pulumi.Output.from_input(self.settings).apply(same_settings)
        return {
            BOOTSTRAP: self.bootstrap,
            SETTINGS: pulumi.Output.secret(text),
            LASTING: self.lasting,
        }


def known(value: object) -> bool:
    """Whether an input is known yet; during a preview it may not be."""
    return value is not rpc.UNKNOWN and value != rpc.UNKNOWN


def connected(props: Props) -> bool:
    """Whether the inputs say already how to reach the cluster."""
    return all(_is_text(props.get(name)) for name in (BOOTSTRAP, SETTINGS))


def changed_connection(olds: Props, news: Props) -> bool:
    """Whether a cluster is reached otherwise than before, or it is yet to be seen how."""
    return any(olds.get(name) != news.get(name) for name in (BOOTSTRAP, SETTINGS, LASTING))


def connection_settings(props: Props) -> dict[str, Setting]:
    """Settings of librdkafka for the cluster that a resource's inputs name.

    Raises:
        BadInput: The file that ``QUORATE_ADMIN_SETTINGS`` names is not what it should be.
    """
    own: dict[str, Setting] = {"bootstrap.servers": str(props[BOOTSTRAP])}
    merged = own | json.loads(str(props[SETTINGS])) | _given_settings()
    return {name: value for name, value in merged.items() if value is not None}


def admin_of(props: Props) -> AdminClient:
    """The one client of this process for a cluster.

    Raises:
        BadInput: The settings cannot be used.
    """
    settings = connection_settings(props)
    key = same_settings(settings)
    with _LOCK:
        if key not in _CLIENTS:
            _CLIENTS[key] = _client(settings)
        return _CLIENTS[key]


def forget_clients() -> None:
    """Connect anew from now on: nodes were restarted, and old connections may wait in vain."""
    with _LOCK:
        _CLIENTS.clear()
        _LOOKS.clear()


def looked_at(props: Props) -> AdminClient | None:
    """The client, if the cluster is there: for what is only better known than not.

    A cluster that is yet to be made, or to be started again, is no problem of a preview.
    """
    if not connected(props):
        return None
    admin = admin_of(props)
    with _LOCK:
        asked_s, answered = _LOOKS.get(id(admin), (-_LOOK_LASTS_S, False))
    if time.monotonic() - asked_s > _LOOK_LASTS_S:
        answered = _answers(admin)
        with _LOCK:
            _LOOKS[id(admin)] = time.monotonic(), answered
    return admin if answered else None


def gone(props: Props) -> bool:
    """Whether there is nothing left to delete from: the cluster went, and this went with it."""
    return not props.get(LASTING, True) and not _answers(admin_of(props))


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Whatever the cluster answers to ``what`` is one line.

    Raises:
        Refused: The cluster refused, or did not answer in time.
    """
    try:
        yield
    except KafkaException as error:
        raise Refused(f"{what}: {_reason(error)}") from None
    except TimeoutError:
        raise Refused(f"{what}: no answer within {CALL_TIMEOUT_S:.0f} s") from None


def note(text: str) -> None:
    """Tell the user; the engine shows what a provider writes there."""
    print(text, file=sys.stderr, flush=True)


_LOCK = Lock()
_CLIENTS: dict[str, AdminClient] = {}
#: For each client when it was last looked whether its cluster answers, and whether it did.
_LOOKS: dict[int, tuple[float, bool]] = {}


def _answers(admin: AdminClient) -> bool:
    try:
        admin.list_topics(timeout=LOOK_TIMEOUT_S)
    except KafkaException:
        return False
    return True


def _client(settings: Mapping[str, Setting]) -> AdminClient:
    bounded: dict[str, str | int | float | bool] = {
        "log_level": 0,
        # As long as the call: requests of a connection are answered in turn, and one that a broker
        # forwards while the quorum changes its leader was seen to hold others up for 10 s.
        "socket.timeout.ms": round(CALL_TIMEOUT_S * 1000),
        "socket.connection.setup.timeout.ms": 5_000,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
    }
    try:
        return AdminClient(bounded | dict(settings))
    except KafkaException as error:
        where = os.environ.get(SETTINGS_VARIABLE, "the stack's Kafka settings")
        raise BadInput([Problem(where, _reason(error), "settings of librdkafka")]) from None


def _given_settings() -> dict[str, Any]:
    named = os.environ.get(SETTINGS_VARIABLE)
    if not named:
        return {}
    legal = "a JSON object of librdkafka settings"
    try:
        given = json.loads(Path(named).read_text())
    except (OSError, ValueError) as error:
        # What a file of credentials holds is never said, not even the line that is no JSON.
        reason = error.strerror if isinstance(error, OSError) else "no JSON"
        raise BadInput([Problem(f"{SETTINGS_VARIABLE}={named}", str(reason), legal)]) from None
    if not isinstance(given, dict):
        kind = type(given).__name__
        raise BadInput([Problem(f"{SETTINGS_VARIABLE}={named}", kind, legal)])
    return given


def same_settings(settings: Mapping[str, Setting]) -> str:
    """A text that two equal sets of settings share."""
    return json.dumps(dict(settings), sort_keys=True)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and known(value)


def _reason(error: KafkaException) -> str:
    cause = error.args[0] if error.args else error
    said = cause.str() if hasattr(cause, "str") else str(cause)
    return " ".join(str(said).split())
