"""Both sides of the contract: what the component declares is what an instance understands."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.client_settings import GroupProtocol, Setting
from blueprint.failover_profile import BALANCED
from blueprint.fleet_contract import Variable, lag_file, read_fleet_file
from blueprint.fleet_options import CatchUp, CatchUpSettings, TracingSettings
from blueprint.problem import BadInput
from fleet.deployed import Address, Deployed, deployed, is_deployed, place_or_deployed
from fleet.settings import fleet_settings
from tests.fleet.render_deployment import POD, ZONE, LaidOut, laid_out, rendered

DSN = "host=db.internal dbname=billing user=billing"
SECRETS = {
    "billing-db": {"dsn": DSN, "password": "of-a-database"},
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


OPTIONS = {
    "catch_up": {"when": "auto", "enter_records": 500_000, "batch_records": 100},
    "traces": {"endpoint": "http://collector:4318", "ratio": 0.01, "namespace": "tracing"},
}
POSTGRES = {
    "margin_records": 5_000,
    "postgresql": {"secret": "billing-db", "cidrs": ["10.9.0.0/16"], "port": 5433},
}


def declared(**options: object) -> dict[str, Any]:
    """What the component declares for a fleet of a cluster with passwords."""
    fleet, by_zone = FLEET | options, {ZONE: "kafka-b:9093"}
    return rendered(fleet=fleet, bootstrap="kafka:9093", by_zone=by_zone, security="scram")


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    """The fleet with every option that goes with the others."""
    return declared(**OPTIONS, dedup=POSTGRES)


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
    assert settings.catch_up == CatchUpSettings(enter_records=500_000, batch_records=100)
    assert settings.deferred_topic == "billing-deferred"
    assert settings.traces == TracingSettings(endpoint="http://collector:4318", ratio=0.01)
    assert settings.dedup is not None
    assert (settings.dedup.database, settings.dedup.margin_records) == (DSN, 5_000)
    assert pod.environment["PGPASSWORD"] == "of-a-database"
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


def test_what_is_not_declared_is_not_done(tmp_path: Path) -> None:
    """No memory, no traces, and never the essential alone: its topic is not there."""
    plain = laid_out(declared(), SECRETS, tmp_path)
    settings = fleet_settings(deployed(plain.environment, Path.read_text).fields)
    assert (settings.dedup, settings.traces) == (None, None)
    assert settings.catch_up.when is CatchUp.NEVER
    assert Variable.DEDUP_DATABASE.value not in plain.environment


def test_a_database_is_known_by_reference_alone(objects: dict[str, Any]) -> None:
    """Nothing of the Secret is in what is declared, and the database is let through to."""
    text = json.dumps(objects)
    assert "db.internal" not in text
    assert "of-a-database" not in text
    reached = [
        (rule["ports"][0]["port"], rule["to"])
        for rule in objects["NetworkPolicy"]["spec"]["egress"]
        if rule.get("to")
    ]
    assert (5433, [{"ipBlock": {"cidr": "10.9.0.0/16"}}]) in reached
    named = {"matchLabels": {"kubernetes.io/metadata.name": "tracing"}}
    assert (4318, [{"namespaceSelector": named}]) in reached


def test_a_memory_on_a_volume_is_of_one_pod_at_a_time(tmp_path: Path) -> None:
    """Its successor begins once it is gone, nothing scales it, and it finds its file's place."""
    found = declared(dedup={"sqlite": {"size_gib": 3}}, instances=1, most_instances=1)
    spec = found["Deployment"]["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    assert "ScaledObject" not in found
    claim = found["PersistentVolumeClaim"]["spec"]
    assert claim["accessModes"] == ["ReadWriteOncePod"]
    assert claim["resources"]["requests"] == {"storage": "3Gi"}
    (mount,) = [
        one
        for one in spec["template"]["spec"]["containers"][0]["volumeMounts"]
        if one["name"] == "dedup"
    ]
    pod = laid_out(found, SECRETS, tmp_path)
    settings = fleet_settings(deployed(pod.environment, Path.read_text).fields)
    assert settings.dedup is not None
    assert settings.dedup.database == f"sqlite:{mount['mountPath']}/dedup.sqlite"


def test_a_database_that_nobody_names_is_said(pod: LaidOut) -> None:
    """The Secret has another key than it should."""
    pod.environment.pop(Variable.DEDUP_DATABASE)
    with pytest.raises(BadInput, match=r"\$QUORATE_DEDUP_DATABASE: got nothing"):
        deployed(pod.environment, Path.read_text)


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


def test_who_says_the_lag_is_deployed_as_a_fleet_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same environment and files: it asks as itself, where the Deployment says."""
    own: dict[str, Setting] = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "quorate-lag"}
    file = tmp_path / "settings.json"
    file.write_text(lag_file(("orders",), BALANCED, "kafka:9093", own).to_json())
    (tmp_path / "password").write_text("of-a-test")
    monkeypatch.setenv(Variable.SETTINGS, str(file))
    monkeypatch.setenv(Variable.IDENTITY, str(tmp_path))
    monkeypatch.setenv(Variable.HEALTH_PORT, "8080")
    place = place_or_deployed(None, None, None)
    assert isinstance(place, Deployed)
    admin = place.admin()
    assert admin["bootstrap.servers"] == "kafka:9093"
    assert (admin["sasl.username"], admin["sasl.password"]) == ("quorate-lag", "of-a-test")
    assert place.health == Address(port=8080)
    monkeypatch.delenv(Variable.SETTINGS)
    with pytest.raises(BadInput, match="--outputs"):
        place_or_deployed(None, None, None)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=4))
def test_a_file_that_is_none_is_refused(value: object) -> None:
    """With its name before every problem."""
    with pytest.raises(BadInput, match="a file"):
        read_fleet_file(str(value), "a file")
