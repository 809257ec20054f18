"""The suite's credentials: had from where the outputs say, or refused in one line."""

import json
from pathlib import Path

import pytest

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
