"""The cache that lets Kafka's JVMs start in half the time: the classes of one start, kept.

The start that is kept has everything a lab may have: listeners in clear, encrypted, by password and
by certificate, the authorizer, and clients that come in. What a lab does not use costs it nothing.
"""

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from blueprint.access import ADMIN, NODE
from blueprint.broker_settings import render_properties
from blueprint.client_settings import Setting
from blueprint.listeners import CLIENT_PREFIX, CONTROLLER, REPLICATION
from blueprint.outputs import CredentialsOutput
from blueprint.security import (
    Security,
    client_security,
    listener_protocols,
    security_output,
    security_properties,
)
from blueprint.topology import Role
from lab.jvm import Jvm
from lab.keyring import Keyring
from lab.problem import LabError
from lab.process import mark
from lab.tools.cache import install_once

_TIMEOUT_S = 90
_CALL_TIMEOUT_S = 10
_AOT_NAME = "kafka.aot"
#: Changes when what the training does changes, so that a cache of the old one is not taken for it.
_EDITION = 3
_HOST = "127.0.0.1"
_CLUSTER_ID = "quorate-training-00000"
_OPEN, _BY_PASSWORD = "PLAINTEXT", f"{CLIENT_PREFIX}A"
_LISTENERS = (_OPEN, _BY_PASSWORD, REPLICATION, CONTROLLER)


def trained(java: Path, jars: Path) -> Jvm:
    """A JVM with the user's ahead-of-time cache, made on the first use.

    A java that cannot make one (before 25) simply starts more slowly.
    """
    said = f"{java}{java.stat().st_mtime_ns}{jars}{_EDITION}"
    key = hashlib.sha256(said.encode()).hexdigest()[:12]
    folder = install_once(f"aot-{key}", lambda room: _train(java, jars, room))
    cache = folder / _AOT_NAME
    return Jvm(java, jars, cache if cache.exists() else None)


def _train(java: Path, jars: Path, room: Path) -> None:
    """Start a one-node cluster once, let clients in, and keep the classes it loaded."""
    jvm, node = Jvm(java, jars, None), room / "training"
    node.mkdir()
    try:
        _run(jvm, node, room / _AOT_NAME)
    except (subprocess.TimeoutExpired, LabError):
        # Without a cache the lab starts more slowly and is otherwise the same.
        (room / _AOT_NAME).unlink(missing_ok=True)
    finally:
        shutil.rmtree(node)


def _run(jvm: Jvm, node: Path, cache: Path) -> None:
    keyring, ports = Keyring(node / "secrets"), _free_ports()
    keyring.make({NODE.name: (_HOST,)})
    properties, hosts, log = node / "server.properties", node / "hosts", node / "server.log"
    properties.write_text(render_properties(_properties(node, keyring, ports)))
    hosts.write_text(f"{_HOST} localhost\n")
    jvm.format(properties, _CLUSTER_ID, ("--standalone",), (keyring.credentials(ADMIN),))
    command = jvm.kafka(Role.BROKER, properties, hosts, mark(node, "training"))
    command.insert(1, f"-XX:AOTCacheOutput={cache}")
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        _wait_for(log, b"Kafka Server started", server)
        for listener, security in _clients(keyring).items():
            _come_in({"bootstrap.servers": f"{_HOST}:{ports[listener]}", **security})
        server.terminate()
        server.wait(_TIMEOUT_S)
    finally:
        server.kill()
        server.wait(10)


def _clients(keyring: Keyring) -> dict[str, dict[str, Setting]]:
    """A client of each kind, by the listener that takes it."""
    own, nowhere = keyring.credentials(ADMIN), CredentialsOutput(source="file", at="-")
    kinds = {Security.PLAINTEXT: _OPEN, Security.SCRAM: _BY_PASSWORD, Security.MTLS: REPLICATION}
    return {
        listener: client_security(security_output(kind, keyring.ca_pem(), nowhere), own)
        for kind, listener in kinds.items()
    }


def _come_in(settings: dict[str, Setting]) -> None:
    try:
        AdminClient({**settings, "log_level": 0}).list_topics(timeout=_CALL_TIMEOUT_S)
    except KafkaException as error:
        raise LabError(f"the training's client was not let in: {error}") from None


def _properties(node: Path, keyring: Keyring, ports: Mapping[str, int]) -> dict[str, str]:
    protocols = listener_protocols(Security.SCRAM, _LISTENERS) | {_OPEN: "PLAINTEXT"}
    secured = [name for name in _LISTENERS if name != _OPEN]
    at = {name: f"{name}://{_HOST}:{ports[name]}" for name in _LISTENERS}
    secrets_dir = str(keyring.of_node(NODE.name))
    return security_properties(Security.SCRAM, secured, secrets_dir) | {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": ",".join(at.values()),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "inter.broker.listener.name": REPLICATION,
        "controller.listener.names": CONTROLLER,
        "controller.quorum.bootstrap.servers": f"{_HOST}:{ports[CONTROLLER]}",
        "log.dirs": str(node / "data"),
        "offsets.topic.replication.factor": "1",
    }


def _free_ports() -> dict[str, int]:
    with ExitStack() as held:
        reserved = [held.enter_context(socket.socket()) for _ in _LISTENERS]
        for one in reserved:
            one.bind((_HOST, 0))
        return {name: one.getsockname()[1] for name, one in zip(_LISTENERS, reserved, strict=True)}


def _wait_for(log: Path, said: bytes, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while said not in log.read_bytes():
        if server.poll() is not None:
            raise LabError("the training's server ended")
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(server.args, _TIMEOUT_S)
        time.sleep(0.05)
