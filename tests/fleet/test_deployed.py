"""Both sides of the contract: what the component declares is what an instance understands."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.client_settings import GroupProtocol
from blueprint.fleet_contract import Variable, read_fleet_file
from blueprint.problem import BadInput
from fleet.deployed import Address, deployed, is_deployed
from fleet.settings import fleet_settings
from tests.fleet.render_deployment import POD, ZONE, LaidOut, laid_out, rendered

SECRETS = {
    "billing": {"password": "of-a-test\n", "user.crt": "certificate", "user.key": "key"},
    "authority": {"ca.crt": "authority"},
}
FLEET = {
    "name": "billing",
    "image": "billing:1",
    "consumes": ["orders"],
    "produces": ["invoices"],
    "instances": 2,
    "most_instances": 12,
    "threads": 24,
    "drain_deadline_s": 30,
    "cpu_millis": 500,
    "memory_mib": 256,
    "batching": {"batch.size": 900_000, "linger.ms": 20},
}


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    """What the component declares for a fleet of a cluster with passwords."""
    by_zone = {ZONE: "kafka-b:9093"}
    return rendered(fleet=FLEET, bootstrap="kafka:9093", by_zone=by_zone, security="scram")


@pytest.fixture
def pod(objects: dict[str, Any], tmp_path: Path) -> LaidOut:
    """The same as a pod finds it."""
    return laid_out(objects, SECRETS, tmp_path)


def test_everything_that_is_declared_is_understood(pod: LaidOut) -> None:
    """Settings, place, password and port; the clients' settings are the contract's with these."""
    assert is_deployed(pod.environment)
    found = deployed(pod.environment, Path.read_text)
    settings = fleet_settings(found.fields)
    assert (settings.topics, settings.group, settings.lanes) == (("orders",), "billing", 24)
    assert settings.protocol is GroupProtocol.CONSUMER
    assert settings.drain_deadline_s == 30
    assert settings.instance is None
    assert settings.dead_letter_topic == "billing-dead-letter"
    assert found.health == Address("0.0.0.0", 8080)
    clients = found.clients(settings)
    for client in (clients.consumer, clients.letters, found.producer()):
        assert client is not None
        assert client["bootstrap.servers"] == "kafka-b:9093"
        assert client["client.id"] == POD
        assert client["sasl.password"] == "of-a-test"
        assert Path(str(client["ssl.ca.location"])).read_text() == "authority"
    assert clients.consumer["client.rack"] == ZONE
    assert clients.consumer["auto.offset.reset"] == "error"
    assert "of-a-test" not in repr(found)
    assert "of-a-test" not in repr(clients)
    producer = found.producer()
    assert producer is not None
    assert producer["batch.size"] == 900_000


def test_every_variable_is_declared_and_no_other(pod: LaidOut) -> None:
    """A name that one side alone knows would be silence."""
    assert set(pod.environment) == {variable.value for variable in Variable}


def test_a_password_that_is_missing_is_said(pod: LaidOut) -> None:
    """With the file it should be in; so is a certificate."""
    (pod.files / "identity/password").write_text("\n")
    with pytest.raises(BadInput, match="identity/password: got nothing"):
        deployed(pod.environment, Path.read_text)
    (pod.files / "identity/ca.crt").unlink()
    with pytest.raises(BadInput, match=r"consumer\.ssl\.ca\.location"):
        deployed(pod.environment, Path.read_text)


def test_without_a_zone_it_begins_anywhere(pod: LaidOut) -> None:
    """Before Kubernetes 1.35 nobody says where a pod is."""
    found = deployed(pod.environment | {Variable.ZONE.value: ""}, Path.read_text)
    consumer = found.clients(fleet_settings(found.fields)).consumer
    assert consumer["bootstrap.servers"] == "kafka:9093"
    assert "client.rack" not in consumer


@given(st.dictionaries(st.sampled_from(list(Variable)), st.text(max_size=6)), st.text(max_size=40))
def test_whatever_is_given_is_taken_or_refused(environment: dict[str, str], text: str) -> None:
    """Nothing else comes of it."""
    with pytest.raises(BadInput):
        deployed(environment, lambda _: text)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=4))
def test_a_file_that_is_none_is_refused(value: object) -> None:
    """With its name before every problem."""
    with pytest.raises(BadInput, match="a file"):
        read_fleet_file(str(value), "a file")
