"""Clients of a secured lab: what they may do, and how the cluster says no."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from blueprint.access import Principal
from blueprint.outputs import CredentialsOutput, StackOutputs
from blueprint.security import Credentials, Security
from chaos.interrupt import wait_until
from lab.access import set_password
from lab.cluster import Lab
from lab.config import load, parse

TIMEOUT_S = 15
Settings = dict[str, str | int | float | bool]


@contextmanager
def secured_lab(security: Security) -> Iterator[Lab]:
    """The profile that is shipped, with passwords or with certificates alone; gone at the end."""
    shipped = load(Path(__file__).parents[2] / "lab" / "secure.yaml")
    assert shipped["security"] == Security.SCRAM.value
    fields = {"name": f"secure-{uuid.uuid4().hex[:8]}", "security": security.value}
    running = Lab.up(parse(shipped | fields, "secure"))
    try:
        yield running
    finally:
        running.down()


def member_of(lab: Lab, name: str) -> Credentials:
    """Credentials that the cluster knows, without any access rule."""
    own = lab.plan.keyring.new_client(Principal(name))
    if lab.plan.config.security is Security.SCRAM:
        set_password(lab.admin(), own)
    return own


def settings(lab: Lab, own: Credentials) -> Settings:
    """A client's settings."""
    servers = lab.outputs.bootstrap_servers["a"]
    return {"bootstrap.servers": servers, "log_level": 0, **lab.plan.client_settings(own)}


def refused(of: Settings, why: int | None = None) -> bool:
    """Whether a client hears nothing from the cluster, and the reason is the one expected."""
    heard: set[int] = set()

    def hear(error: KafkaError) -> None:
        heard.add(error.code())

    client = Producer({**of, "error_cb": hear, "log_level": 0})
    with pytest.raises(KafkaException):
        client.list_topics(timeout=3)
    return why is None or wait_until(lambda: client.poll(0.1) >= 0 and why in heard, TIMEOUT_S)


def with_credentials(lab: Lab, kept: Path) -> StackOutputs:
    """A lab's outputs, had the suite the credentials of that file."""
    assert lab.outputs.security is not None
    at = CredentialsOutput(source="file", at=str(kept))
    security = lab.outputs.security.model_copy(update={"credentials": at})
    return lab.outputs.model_copy(update={"security": security})


def produced(lab: Lab, own: Credentials, topic: str) -> int | None:
    """The code of the error that a record met; None when it was acknowledged."""
    codes: list[int | None] = []
    client = Producer({**settings(lab, own), "enable.idempotence": True})
    client.produce(topic, b"record", on_delivery=lambda e, _: codes.append(e.code() if e else None))
    assert client.flush(TIMEOUT_S) == 0
    return codes[0]


def consumed(lab: Lab, own: Credentials, topic: str, group: str) -> int | bytes:
    """The first record of a topic as a member of a group, or the code of the error in its place."""
    wanted = {"group.id": group, "auto.offset.reset": "earliest", "group.protocol": "consumer"}
    client = Consumer({**settings(lab, own), **wanted})
    client.subscribe([topic])
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while time.monotonic() < deadline:
            message = client.poll(0.5)
            if message is None:
                continue
            error = message.error()
            return message.value() or b"" if error is None else error.code()
    except KafkaException as error:
        return int(error.args[0].code())
    finally:
        client.close()
    raise AssertionError(f"neither a record of {topic} nor an error in {TIMEOUT_S} s")


@contextmanager
def relay(host: str, port: int) -> Iterator[str]:
    """An address that is not the node's own and leads to it, for one connection."""

    def pass_on(listener: socket.socket) -> None:
        with suppress(OSError):
            inward, _ = listener.accept()
            with inward, socket.create_connection((host, port), TIMEOUT_S) as outward:
                inward.settimeout(TIMEOUT_S)
                outward.sendall(inward.recv(4096))
                while chunk := outward.recv(65536):
                    inward.sendall(chunk)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=pass_on, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
