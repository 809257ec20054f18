"""AWS as moto keeps it, within this process or behind an address."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

from blueprint.outputs import StackOutputs
from chaos.targets import aws_acls
from chaos.targets.aws import AwsTarget
from tests.chaos.targets.network import described, enforced, make_network, outputs_of, session


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leases of its own and nobody's credentials."""
    monkeypatch.setenv("QUORATE_CACHE", str(tmp_path / "cache"))
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Nobody starts a machine here, and moto takes half a second to make up images for it.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    boto3.DEFAULT_SESSION = session()
    yield
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto is never behind its own changes: what it does not show is not there."""
    monkeypatch.setattr(aws_acls, "SETTLE_S", 0.0)
    monkeypatch.setattr(aws_acls, "POLL_S", 0.01)


@pytest.fixture
def outputs(at_once: None) -> Iterator[StackOutputs]:
    """A stack of three zones with two subnets each, in this process."""
    with mock_aws():
        yield outputs_of(make_network())


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moto behind an address, for processes that are told of it by AWS_ENDPOINT_URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    try:
        yield
    finally:
        server.stop()


@pytest.fixture
def served(endpoint: None) -> StackOutputs:
    """A stack of three zones with two subnets each, behind an address."""
    return outputs_of(make_network())


@pytest.fixture
def target(outputs: StackOutputs) -> AwsTarget:
    """The stack, its packets dropped as its network ACLs say."""
    return AwsTarget(outputs, enforced(described(outputs).vpc_id))


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run's folder."""
    folder = tmp_path / "az-blackhole-1"
    folder.mkdir()
    return folder
