"""The step before the suite: what it writes is what the suite reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from blueprint.outputs import load
from blueprint.security import Security
from blueprint.strimzi_names import StrimziNames
from chaos.identity import client_identity
from components.strimzi_outputs import stack_outputs
from components.suite_identity import SCRIPT
from tests.engine.kubernetes_stack import blueprint

NAMES = StrimziNames("kafka", "quorate")


@pytest.mark.parametrize(
    ("security", "files", "wanted"),
    [
        (
            Security.SCRAM,
            {"password": "of a test"},
            {"sasl.username": "quorate-chaos", "sasl.password": "of a test"},
        ),
        (
            Security.MTLS,
            {"user.crt": "a certificate", "user.key": "a key"},
            {"ssl.certificate.pem": "a certificate", "ssl.key.pem": "a key"},
        ),
    ],
)
def test_the_suite_knows_who_it_is(
    tmp_path: Path, security: Security, files: dict[str, str], wanted: dict[str, str]
) -> None:
    """From the mounted files and the declared outputs come outputs with which it connects."""
    mounted, own = tmp_path / "mounted", tmp_path / "own"
    mounted.mkdir()
    own.mkdir()
    for name, text in (files | {"ca.crt": "an authority"}).items():
        (mounted / name).write_text(text)
    declared = tmp_path / "outputs.json"
    wanted_stack = blueprint("quorate", security=security.value)
    declared.write_text(stack_outputs(wanted_stack, NAMES, "kubernetes").to_json())

    command = [sys.executable, "-c", SCRIPT, str(declared), str(mounted), "quorate-chaos", str(own)]
    subprocess.run(command, check=True, timeout=60)

    outputs = load((own / "outputs.json").read_text())
    settings = client_identity(outputs)
    assert settings["ssl.ca.pem"] == "an authority"
    assert {name: settings[name] for name in wanted} == wanted
    assert {file.stat().st_mode & 0o777 for file in own.iterdir()} == {0o600}
    assert "of a test" not in (own / "outputs.json").read_text()
