"""The suite's credentials: had from where the outputs say, or refused in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from blueprint.outputs import CredentialsOutput, SecurityOutput, StackOutputs
from blueprint.problem import BadInput
from blueprint.security import Credentials
from chaos.identity import client_identity, suite_credentials
from tests.blueprint.test_outputs import GOOD

OWN = Credentials("quorate-chaos", "pass-word", "CERTIFICATE", "KEY")


def outputs(source: str, at: str) -> StackOutputs:
    """Outputs of a secured cluster."""
    security = SecurityOutput(
        protocol="SASL_SSL",
        mechanism="SCRAM-SHA-512",
        ca_pem="CA",
        credentials=CredentialsOutput.model_validate({"source": source, "at": at}),
    )
    return StackOutputs.model_validate(GOOD | {"security": security.model_dump()})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The suite's file, as it should be."""
    path = tmp_path / "chaos.json"
    path.touch(0o600)
    path.write_text(OWN.to_json())
    return path


def test_a_cluster_that_asks_nobody_gets_nothing() -> None:
    """No settings are added."""
    plain = StackOutputs.model_validate(GOOD)
    assert client_identity(plain) == {}
    assert suite_credentials(plain) is None


def test_every_client_gets_the_suites_own_proof(kept: Path) -> None:
    """As librdkafka takes it."""
    settings = client_identity(outputs("file", str(kept)))
    assert settings["sasl.username"] == "quorate-chaos"
    assert settings["sasl.password"] == "pass-word"
    assert suite_credentials(outputs("file", str(kept))) == OWN


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(kept: Path, mode: int) -> None:
    """With what to do, and without its text."""
    kept.chmod(mode)
    with pytest.raises(BadInput, match=f"chmod 600 {kept}") as refused:
        client_identity(outputs("file", str(kept)))
    assert "pass-word" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", json.dumps({"password": "pass-word"}), "\xff"])
def test_a_file_that_holds_something_else_is_refused(kept: Path, text: str) -> None:
    """By its path alone."""
    kept.write_text(text, "latin-1")
    with pytest.raises(BadInput, match=str(kept)) as refused:
        client_identity(outputs("file", str(kept)))
    assert "pass-word" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(BadInput, match=r"none\.json.*No such file"):
        client_identity(outputs("file", str(tmp_path / "none.json")))


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A region of an AWS that is made up, with nobody's own credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield "eu-north-1"


def test_a_secret_of_aws_is_read_where_its_arn_says(region: str) -> None:
    """Whatever region the caller's own settings name."""
    manager = boto3.client("secretsmanager", region_name=region)
    arn = manager.create_secret(Name="chaos", SecretString=OWN.to_json())["ARN"]
    assert suite_credentials(outputs("aws-secret", arn)) == OWN


def test_a_secret_that_cannot_be_read_is_refused(region: str) -> None:
    """One that is not there, one that is no text, one that is no secret at all."""
    manager = boto3.client("secretsmanager", region_name=region)
    binary = manager.create_secret(Name="binary", SecretBinary=b"pass-word")["ARN"]
    gone = f"arn:aws:secretsmanager:{region}:123456789012:secret:none-AbCdEf"
    for at, said in ((binary, "binary"), (gone, "ResourceNotFound"), ("chaos", "ARN of a secret")):
        with pytest.raises(BadInput, match=said) as refused:
            client_identity(outputs("aws-secret", at))
        assert "pass-word" not in str(refused.value)


def test_a_secret_of_kubernetes_is_to_be_mounted() -> None:
    """The suite has no client of Kubernetes; what to do instead is said."""
    with pytest.raises(BadInput, match=r"kubernetes-secret quorate/chaos.*mounted"):
        client_identity(outputs("kubernetes-secret", "quorate/chaos"))
