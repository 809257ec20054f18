"""``--stack``: outputs asked of a Pulumi command line, and everything it may say instead."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.problem import BadInput
from blueprint.topology import Role
from chaos import stack as asked_stack
from chaos.__main__ import main
from chaos.stack import outputs_of_stack

Pulumi = Callable[..., None]
FUZZ = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Puts a ``pulumi`` on PATH that says what it is told and notes how it was called."""
    monkeypatch.setenv("QUORATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def put(out: str = "", err: str = "", code: int = 0, child: bool = False) -> None:
        command = tmp_path / "bin" / "pulumi"
        command.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys, time\n"
            f"with open({str(tmp_path / 'called')!r}, 'w') as file:\n"
            "    json.dump([sys.argv[1:], os.getcwd(), sys.stdin.read()], file)\n"
            f"if {child}: os.fork(); time.sleep(60)\n"
            f"sys.stdout.write({out!r}); sys.stderr.write({err!r})\n"
            f"sys.exit({code})\n"
        )
        command.chmod(0o755)

    return put


@pytest.fixture
def outputs() -> StackOutputs:
    """Outputs as small as they may be."""
    node = NodeOutput(id=1, name="broker-1", role=Role.BROKER, zone="a", host="h", port=9092)
    return StackOutputs.model_validate(
        {
            "stack": "aws",
            "target": "aws",
            "cluster_id": "x",
            "zones": ["a"],
            "nodes": [node],
            "bootstrap_servers": {"a": "h:9092"},
            "aws": {
                "region": "eu-central-1",
                "account_id": "123456789012",
                "vpc_id": "vpc-1",
                "subnet_ids": {"a": ["subnet-1"]},
            },
        }
    )


def refused(stack: str = "aws") -> str:
    """What is said of a stack."""
    with pytest.raises(BadInput) as said:
        outputs_of_stack(stack)
    return str(said.value)


def test_what_the_stack_exports_is_what_the_suite_takes(
    pulumi: Pulumi, outputs: StackOutputs, tmp_path: Path
) -> None:
    """Asked for by name, in the project's folder, without a terminal, and never for secrets."""
    pulumi(out=outputs.to_json() + "\n")
    assert outputs_of_stack("team/quorate/aws") == outputs
    arguments, folder, typed = json.loads((tmp_path / "called").read_text())
    assert arguments[:4] == ["stack", "output", "quorate", "--json"]
    assert arguments[4:6] == ["--stack", "team/quorate/aws"]
    assert "--non-interactive" in arguments
    assert "--show-secrets" not in arguments
    assert Path(folder) == Path(asked_stack.__file__).parents[1]
    assert typed == ""


def test_no_pulumi_is_said(pulumi: Pulumi) -> None:
    """And what to do without."""
    message = refused()
    assert "no `pulumi` on PATH" in message
    assert "--outputs FILE" in message


@pytest.mark.parametrize(
    ("err", "said"),
    [
        ("error: no stack named 'aws' found\n", "no stack named 'aws' found"),
        (
            "warning: old\nerror: current stack does not have output property 'quorate'\n",
            "`pulumi up`",
        ),
        ("error: failed to load: passphrase must be set\n", "passphrase must be set"),
        ("", "said nothing"),
        ("Traceback\n  and so on\n", "Traceback"),
    ],
)
def test_what_pulumi_refuses_is_said_in_one_line(pulumi: Pulumi, err: str, said: str) -> None:
    """With what is legal."""
    pulumi(err=err, code=255)
    message = refused()
    assert said in message
    assert message.count("\n") == 0
    assert message.startswith("--stack aws: got ")


def test_a_password_in_an_address_is_not_shown(pulumi: Pulumi) -> None:
    """Where a backend's own address stands in the message."""
    pulumi(err="error: could not reach https://me:hunter2@state.example/x: no\n", code=1)
    message = refused()
    assert "hunter2" not in message
    assert "https://state.example/x" in message


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ('"[secret]"', "is a secret"),
        ('"text"', "no object but str"),
        ("[]", "no object but list"),
        ("", "no JSON"),
        ("{", "no JSON"),
        ("{}", "stack: got nothing"),
    ],
)
def test_what_are_no_outputs_is_said(pulumi: Pulumi, out: str, said: str) -> None:
    """A secret least of all."""
    pulumi(out=out)
    assert said in refused()


def test_a_pulumi_that_does_not_answer_is_not_waited_for(
    pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time-out, though a process of its own holds on to what it should print."""
    monkeypatch.setattr(asked_stack, "TIMEOUT_S", 0.5)
    pulumi(child=True)
    began_s = time.monotonic()
    assert "no answer" in refused()
    assert time.monotonic() - began_s < 20


def test_a_pulumi_that_does_not_start_is_said(pulumi: Pulumi, tmp_path: Path) -> None:
    """A file that is no program."""
    pulumi()
    (tmp_path / "bin" / "pulumi").write_text("no program")
    assert "`pulumi`:" in refused()


@pytest.mark.parametrize("name", ["", "--show-secrets", "-C/", "a\0b"])
def test_a_name_that_is_an_option_or_none_is_refused(name: str, pulumi: Pulumi) -> None:
    """Before anything is started."""
    assert "--stack: got" in refused(name)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.text(st.characters(codec="ascii"), max_size=60))
def test_whatever_it_prints_is_outputs_or_one_refusal(content: str, pulumi: Pulumi) -> None:
    """Never a traceback."""
    pulumi(out=content)
    refused()


def test_the_door_takes_one_of_the_two(
    pulumi: Pulumi,
    outputs: StackOutputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Outputs from a file, or from a stack."""
    file = tmp_path / "outputs.json"
    file.write_text(outputs.to_json())
    words = ["run", "baseline", "--outputs", str(file), "--stack", "aws"]
    monkeypatch.setattr(sys, "argv", ["chaos", *words, "--runs-dir", str(tmp_path / "runs")])
    assert main() == 2
    assert "--outputs and --stack: got both" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "runs")


def test_a_fault_that_the_stack_cannot_suffer_is_refused_before_the_run(
    pulumi: Pulumi,
    outputs: StackOutputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2, no folder, and what the target can do."""
    pulumi(out=outputs.to_json())
    runs = tmp_path / "runs"
    words = ["run", "az-kill", "--stack", "aws", "--runs-dir", str(runs)]
    monkeypatch.setattr(sys, "argv", ["chaos", *words])
    assert main() == 2
    said = capsys.readouterr().err
    assert "steps.0.fault: got 'az-kill'" in said
    assert "the target aws can cut a zone off" in said
    assert not runs.exists()
