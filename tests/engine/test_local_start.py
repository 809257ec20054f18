"""The beginnings of a local stack: refused, blocked, killed in the middle, and with security."""

import os
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from blueprint.access import ADMIN
from blueprint.client_settings import Setting
from blueprint.listeners import Endpoint
from blueprint.security import Credentials, credentials_of
from chaos.interrupt import wait_until
from lab.state import state_of
from lab.tools.pulumi import PulumiTools
from tests.engine.harness import EngineFailed
from tests.engine.local_stack import LocalStack, local_stack

pytestmark = pytest.mark.engine

WAIT_S = 120.0


def test_bad_settings_are_refused_all_at_once(tmp_path: Path, pulumi_tools: PulumiTools) -> None:
    """Each with its path and what is legal; not a traceback, not a resource, not a process."""
    bad = {
        "failover_profile": "reckless",
        "colour": "blue",
        "topics": [{"name": "Orders!", "partitions": 0}],
        "security": "none",
    }
    with local_stack(tmp_path, pulumi_tools, bad) as stack:
        for operation in (stack.engine.preview, stack.engine.up):
            with pytest.raises(EngineFailed) as failure:
                operation()
            said = "\n".join(failure.value.result.messages)
            assert "nothing was changed" in said
            for path in ("failover_profile", "colour", "topics.0.name", "partitions", "security"):
                assert path in said
            assert "Traceback" not in said + failure.value.said
            assert failure.value.result.changed() == ()
        assert not state_of(stack.name).exists()
        assert stack.processes() == []
        code, printed = stack.call("up", "--yes")
        assert code != 0
        assert "Traceback" not in printed


def test_an_override_that_contradicts_the_plan_is_refused_at_the_preview(
    tmp_path: Path, pulumi_tools: PulumiTools
) -> None:
    """What follows from the topology cannot be set by hand."""
    with local_stack(tmp_path, pulumi_tools, {"broker_overrides": {"node.id": "7"}}) as stack:
        with pytest.raises(EngineFailed, match=r"node\.id"):
            stack.engine.preview()
        assert not state_of(stack.name).exists()


@pytest.mark.cluster
def test_a_start_that_kafka_refuses_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, pulumi_tools: PulumiTools
) -> None:
    """The reason is in one line; what had been started is gone; corrected, it starts."""
    with local_stack(tmp_path, pulumi_tools, {"broker_overrides": _setting("no number")}) as stack:
        with pytest.raises(EngineFailed, match="no number") as failure:
            stack.engine.up()
        assert "Traceback" not in failure.value.said
        assert stack.processes() == []
        stack.set(broker_overrides=_setting("14000"))
        stack.engine.up()
        assert all(stack.pids().values())
        stack.engine.destroy()
        assert stack.processes() == []


@pytest.mark.cluster
def test_a_blocked_port_is_named_and_can_be_freed(
    tmp_path: Path, pulumi_tools: PulumiTools
) -> None:
    """A dead lab whose port was taken meanwhile: the up fails, and when it is free it succeeds."""
    with local_stack(tmp_path, pulumi_tools) as stack:
        stack.engine.up()
        node = stack.lab().plan.topology.node(1)
        at = stack.lab().plan.endpoint(node)
        stack.lab().kill(node.id)
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # The threads of a killed process may hold its sockets a moment longer than itself.
            assert wait_until(lambda: bound(squatter, at), 20)
            squatter.listen()
            with pytest.raises(EngineFailed, match="broker-1"):
                stack.engine.up()
        assert stack.engine.up().counts["update"] == 1
        assert all(stack.pids().values())
        stack.engine.destroy()


@pytest.mark.cluster
def test_an_up_that_was_killed_can_be_repeated(tmp_path: Path, pulumi_tools: PulumiTools) -> None:
    """Killed with everything it had started while the lab was starting: the next up finishes."""
    with local_stack(tmp_path, pulumi_tools) as stack:
        process = stack.cli("up", "--yes", "--skip-preview")
        deadline = time.monotonic() + WAIT_S
        while not stack.processes():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        ours = [one for one in tree if one.pid not in stack.processes()]
        for one in ours:
            os.kill(one.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        psutil.wait_procs(ours, timeout=30)
        # A file backend keeps the lock of whoever was killed.
        assert stack.call("cancel", "--yes")[0] == 0
        result = stack.engine.up()
        assert result.counts["create"] >= 4
        assert all(stack.pids().values())
        assert stack.engine.up().changed() == ()
        stack.engine.destroy()
        assert stack.processes() == []


@pytest.mark.cluster
def test_users_of_a_secured_stack_may_do_what_they_must_and_no_more(
    tmp_path: Path, pulumi_tools: PulumiTools
) -> None:
    """SCRAM: a fleet writes its topic, is denied another, and without its password gets nowhere."""
    with local_stack(tmp_path, pulumi_tools, {"security": "scram"}) as stack:
        made = stack.engine.up()
        assert stack.engine.up().counts == {"same": made.counts["create"]}
        files = stack.engine.outputs()["credentials"]
        assert isinstance(files, dict)
        own = {name: credentials_of(Path(at).read_text(), at) for name, at in files.items()}
        assert {os.stat(at).st_mode & 0o777 for at in files.values()} == {0o600}
        # As it lies in the backend, with history and copies; the CLI's own export shows secrets.
        files_kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        kept = "".join(path.read_text(errors="replace") for path in files_kept)
        assert "topic-orders" in kept
        for one in (*own.values(), stack.lab().plan.keyring.credentials(ADMIN)):
            assert one.password not in kept, one.username
            assert one.key_pem.splitlines()[1] not in kept, one.username

        assert produced(stack, own["billing"], "orders.failed") is None
        denied = produced(stack, own["billing"], "orders")
        assert denied is not None
        assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert consumed(stack, own["billing"], "orders") is None
        wrong = Credentials("billing", "wrong")
        assert produced(stack, wrong, "orders.failed") is not None
        stack.engine.destroy()
        assert stack.processes() == []


def bound(squatter: socket.socket, at: Endpoint) -> bool:
    """Whether an address could be taken."""
    try:
        squatter.bind((at.host, at.port))
    except OSError:
        return False
    return True


def _setting(value: str) -> dict[str, str]:
    return {"log.cleaner.backoff.ms": value}


def settings(stack: LocalStack, own: Credentials) -> dict[str, str | int | float | bool]:
    """A client's settings."""
    security: dict[str, Setting] = stack.lab().plan.client_settings(own)
    bootstrap = stack.outputs().bootstrap_servers["c"]
    return {"bootstrap.servers": bootstrap, "log_level": 0, **security}


def produced(stack: LocalStack, own: Credentials, topic: str) -> KafkaError | None:
    """What became of one record."""
    outcome: list[KafkaError | None] = []
    limited = settings(stack, own) | {"message.timeout.ms": 8000}
    producer = Producer(limited)
    producer.produce(topic, b"x", on_delivery=lambda error, _: outcome.append(error))
    producer.flush(20)
    return outcome[0]


def consumed(stack: LocalStack, own: Credentials, topic: str) -> KafkaException | None:
    """Whether a topic may be read."""
    consumer = Consumer(settings(stack, own) | {"group.id": own.username})
    try:
        consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.committed([TopicPartition(topic, 0)], timeout=10)
    except KafkaException as error:
        return error
    finally:
        consumer.close()
    return None
