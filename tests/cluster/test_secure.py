"""A secured lab: whoever does not prove who he is, or is not allowed to, is refused."""

import json
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import ElectionType, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from blueprint.access import ADMIN, SUITE, fleet_accesses, suite_accesses
from blueprint.certificates import issue, make_authority
from blueprint.security import CLIENTS_UNIT, Credentials, Security, client_security
from chaos.experiment.model import Workload
from chaos.quorum import active_controller
from chaos.targets.target import TargetError
from chaos.topic import Topic
from chaos.wire import Wire
from lab.access import grant, set_password
from lab.cluster import Lab
from lab.problem import LabError
from tests.cluster.clients import (
    TIMEOUT_S,
    Settings,
    consumed,
    member_of,
    produced,
    refused,
    relay,
    secured_lab,
    settings,
    with_credentials,
)
from tests.cluster.conftest import Door
from tests.cluster.node_logs import known_settings, log_of

pytestmark = pytest.mark.cluster

#: What two cores carry beside the tests; the full rate is for the bench.
LOAD = ("--set", "workload.rate_per_s=1500")
#: ApiVersions v0 of a client called "probe", as anything that speaks Kafka in clear would begin.
IN_CLEAR = (
    (15).to_bytes(4) + (18).to_bytes(2) + (0).to_bytes(2) + (1).to_bytes(4) + (5).to_bytes(2)
) + b"probe"
ORDERS, INVOICES, OTHERS = "orders", "invoices", "others"


@pytest.fixture(scope="module", params=[Security.SCRAM, Security.MTLS])
def secured(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The profile that is shipped, with three topics; its access rules are the suite's alone."""
    with secured_lab(request.param) as running:
        admin = running.admin()
        topics = [NewTopic(topic, 1, 3) for topic in (ORDERS, INVOICES, OTHERS)]
        for made in admin.create_topics(topics).values():
            made.result(TIMEOUT_S)
        yield running


@pytest.fixture(scope="module")
def billing(secured: Lab) -> Credentials:
    """A fleet that reads orders and writes invoices."""
    own = member_of(secured, "billing")
    grant(secured.admin(), fleet_accesses("billing", [ORDERS], [INVOICES]))
    return own


@pytest.fixture(scope="module")
def nobody(secured: Lab) -> Credentials:
    """Somebody who has proved who he is, and whom no rule allows anything."""
    return member_of(secured, "nobody")


def test_nothing_is_answered_in_clear(secured: Lab) -> None:
    """No listener of any node, reached directly or through a link, speaks to whoever does."""
    plan = secured.plan
    ports = plan.addresses.ports
    at = {
        (plan.addresses.host(node), ports.of(listener))
        for node in plan.topology.nodes
        for listener in plan.addresses.cluster().nodes[node.id].advertised
    }
    assert len(at) == 3 * 4 + 3
    links = {(link.listen.host, link.listen.port) for link in secured.links()}
    for host, port in at | links:
        with socket.create_connection((host, port), TIMEOUT_S) as connection:
            connection.sendall(IN_CLEAR)
            # A TLS alert (content type 21), or nothing at all.
            assert connection.recv(1) in (b"", b"\x15"), (host, port)


def test_a_client_without_credentials_is_refused(secured: Lab) -> None:
    """In clear, encrypted without a proof, and with a proof of another authority."""
    output, servers = secured.outputs.security, secured.outputs.bootstrap_servers["a"]
    assert output is not None
    bare: Settings = {"bootstrap.servers": servers}
    assert refused(bare)
    assert refused({**bare, "security.protocol": "SSL", "ssl.ca.pem": output.ca_pem})
    pair = issue(make_authority("another authority"), CLIENTS_UNIT, SUITE.name)
    stranger = Credentials(SUITE.name, "guessed", pair.certificate_pem, pair.key_pem)
    assert refused({**bare, **client_security(output, stranger)})


def test_a_wrong_password_is_refused_as_such(secured: Lab, billing: Credentials) -> None:
    """Of a user that there is and of one that there is not; the right one is not."""
    if secured.plan.config.security is not Security.SCRAM:
        pytest.skip("there are no passwords")
    for wrong in (
        replace(billing, password="guessed"),
        replace(billing, username="no-such-user"),
    ):
        assert refused(settings(secured, wrong), KafkaError._AUTHENTICATION)
    AdminClient(settings(secured, billing)).list_topics(timeout=TIMEOUT_S)


def test_a_broker_under_another_address_is_refused(secured: Lab, billing: Credentials) -> None:
    """Clients verify whom they reached: an address that a certificate lacks is somebody else's."""
    real = secured.plan.endpoint(secured.plan.topology.node(1))
    with relay(real.host, real.port) as elsewhere:
        moved = settings(secured, billing) | {"bootstrap.servers": elsewhere}
        assert refused(moved, KafkaError._SSL)


def test_what_no_rule_allows_is_denied(secured: Lab, nobody: Credentials) -> None:
    """Producing, consuming, joining, making topics, users and rules, moving leaders."""
    assert produced(secured, nobody, ORDERS) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert consumed(secured, nobody, ORDERS, "nobody") in (
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    )
    client = AdminClient(settings(secured, nobody))
    for made in client.create_topics([NewTopic("own", 1, 3)]).values():
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            made.result(TIMEOUT_S)
    with pytest.raises(LabError, match="CLUSTER_AUTHORIZATION_FAILED"):
        grant(client, fleet_accesses("nobody", [ORDERS], []))
    with pytest.raises(LabError, match="CLUSTER_AUTHORIZATION_FAILED"):
        set_password(client, nobody)
    with pytest.raises(KafkaException, match="CLUSTER_AUTHORIZATION_FAILED"):
        client.elect_leaders(ElectionType.PREFERRED).result(TIMEOUT_S)
    assert set(client.list_topics(timeout=TIMEOUT_S).topics) == set()


def test_a_fleet_has_its_own_and_no_others(secured: Lab, billing: Credentials) -> None:
    """It reads what it consumes, writes what it produces, and neither the other way round."""
    grant(secured.admin(), fleet_accesses("shop", [], [ORDERS]))
    assert produced(secured, member_of(secured, "shop"), ORDERS) is None
    assert consumed(secured, billing, ORDERS, "billing") == b"record"
    assert produced(secured, billing, INVOICES) is None
    denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert produced(secured, billing, ORDERS) == denied
    assert produced(secured, billing, OTHERS) == denied
    assert consumed(secured, billing, INVOICES, "billing") == denied
    assert consumed(secured, billing, OTHERS, "billing") == denied
    assert (
        consumed(secured, billing, ORDERS, "another-fleet") == KafkaError.GROUP_AUTHORIZATION_FAILED
    )


def test_the_suite_has_what_bears_its_name(secured: Lab) -> None:
    """It makes, fills and drops such topics, and nobody else's."""
    own = secured.plan.keyring.credentials(SUITE)
    client = AdminClient(settings(secured, own))
    name = f"quorate-{uuid.uuid4().hex[:8]}"
    client.create_topics([NewTopic(name, 1, 3)])[name].result(TIMEOUT_S)
    assert produced(secured, own, name) is None
    assert consumed(secured, own, name, f"{name}-readers") == b"record"
    client.delete_topics([name])[name].result(TIMEOUT_S)
    assert produced(secured, own, ORDERS) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        client.delete_topics([ORDERS])[ORDERS].result(TIMEOUT_S)


def test_the_suite_was_given_what_is_listed_and_nothing_else(secured: Lab) -> None:
    """As the cluster itself lists it."""
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name; the stubs know of none
        ResourcePatternType.ANY,
        str(SUITE),
        "*",
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    admin = secured.admin()
    found = admin.describe_acls(everything).result(TIMEOUT_S)
    listed = {(rule.name, rule.operation.name) for rule in found}
    assert listed == {
        (access.name, operation.name)
        for access in suite_accesses()
        for operation in access.operations
    }
    assert {rule.permission_type for rule in found} == {AclPermissionType.ALLOW}


def test_the_quorum_is_watched_with_or_without_a_certificate(secured: Lab, tmp_path: Path) -> None:
    """Controllers take certificates alone; without one, the brokers are asked."""
    with Wire(secured.outputs) as wire:
        assert wire.controllers_listen
        found = active_controller(wire, TIMEOUT_S)
    assert found is not None
    if secured.plan.config.security is not Security.SCRAM:
        return
    own = secured.plan.keyring.credentials(SUITE)
    kept = tmp_path / "without.json"
    kept.touch(0o600)
    kept.write_text(Credentials(own.username, own.password).to_json())
    with Wire(with_credentials(secured, kept)) as wire:
        assert not wire.controllers_listen
        assert active_controller(wire, TIMEOUT_S) == found


def test_kafka_knows_every_setting_and_none_is_on_its_way_out(secured: Lab) -> None:
    """It prints all that it knows when it starts; what is the authorizer's, the authorizer says."""
    of_authorizer = {"super.users", "allow.everyone.if.no.acl.found"}
    own_name = re.compile(r"listener\.name\.[a-z_]+\.(scram-sha-512\.)?")
    for node in secured.plan.topology.nodes:
        rendered = secured.plan.properties(node).read_text().splitlines()
        wanted = {own_name.sub("", line.partition("=")[0]) for line in rendered if line}
        log = log_of(secured, node)
        assert wanted - known_settings(secured, node) == of_authorizer, node.name
        said = re.search(r"set super\.users=(\S+), default result=(\w+)", log)
        assert said is not None
        assert set(said[1].split(",")) == {"User:quorate-node", "User:quorate-admin"}
        assert said[2] == "DENIED"
        words = ("deprecated", "will be ignored", "WARN KafkaConfig")
        # What begins so is the JVM's own, on its libraries.
        lines = [line for line in log.splitlines() if not line.startswith("WARNING: ")]
        assert [line for line in lines if any(word in line for word in words)] == []


def test_a_run_with_a_wrong_proof_says_so(secured: Lab, tmp_path: Path) -> None:
    """Within seconds, by what the brokers said, and without the proof."""
    kept = tmp_path / "wrong.json"
    kept.touch(0o600)
    pair = issue(make_authority("another authority"), CLIENTS_UNIT, SUITE.name)
    wrong = Credentials(SUITE.name, "guessed", pair.certificate_pem, pair.key_pem)
    kept.write_text(wrong.to_json())
    topic = Topic(with_credentials(secured, kept), "quorate-refused", Workload())
    with pytest.raises(TargetError, match=r"no broker answers the suite: broker-1 at ") as refusal:
        topic.make()
    by_password = secured.plan.config.security is Security.SCRAM
    assert ("invalid credentials" if by_password else "alert") in str(refusal.value)
    assert "guessed" not in str(refusal.value)


@pytest.mark.quiet
def test_a_zone_is_lost_with_no_record_and_no_secret(
    secured: Lab, chaos: Door, tmp_path: Path
) -> None:
    """az-kill passes, and no file or command line of it holds a password or key."""
    if secured.plan.config.security is not Security.SCRAM:
        pytest.skip("the suite has the same certificate with passwords, and a password besides")
    keyring = secured.plan.keyring
    pairs = [keyring.credentials(one) for one in (ADMIN, SUITE)]
    secrets = [own.password for own in pairs] + [own.key_pem.splitlines()[1] for own in pairs]
    outputs, runs = tmp_path / "outputs.json", tmp_path / "runs"
    outputs.write_text(secured.outputs.to_json())
    said: set[str] = set()
    running = chaos.start(
        "run", "az-kill", "--outputs", str(outputs), "--runs-dir", str(runs), *LOAD
    )
    reading = threading.Thread(target=lambda: said.add(running.communicate(timeout=280)[0]))
    reading.start()
    while reading.is_alive():
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                said.add(" ".join(process.cmdline()))
        reading.join(2.0)
    assert any("chaos.workload.producer" in line for line in said)
    assert not [line for line in said if any(secret in line for secret in secrets)]
    (run_dir,) = runs.iterdir()
    state = secured.plan.state
    left = [path for path in run_dir.rglob("*") if path.is_file()]
    left += [path for path in state.folder.rglob("*") if path.is_file()]
    told = [path for path in left if _holds(path, secrets)]
    # The one place where they belong, and the metadata log, which holds what proves a password.
    assert {path for path in told if state.secrets not in path.parents} == set()
    verdict = json.loads((run_dir / "verdict.json").read_text())
    assert verdict["outcome"] == "PASS", verdict["checks"]
    assert running.returncode == 0
    assert verdict["records"]["acknowledged"] > 0
    assert verdict["records"]["lost"] == verdict["records"]["duplicated"] == 0


def _holds(path: Path, secrets: list[str]) -> bool:
    """Whether a file holds one of them; brokers are still deleting what the run made."""
    with suppress(FileNotFoundError):
        return any(one.encode() in path.read_bytes() for one in secrets)
    return False
