"""How Kafka's own tools are called: what is secret is on no command line and in no message."""

import stat
from pathlib import Path

import pytest

from blueprint.security import Credentials
from lab.jvm import Jvm
from lab.problem import LabError

USERS = (Credentials("admin", 'pass"w\\ord'), Credentials("suite", "with space"))


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """Stands in for java: keeps how it was called, repeats what it was told, and fails if asked."""
    script = tmp_path / "java"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {tmp_path}/called\n'
        f'cp -p "${{1#@}}" {tmp_path}/told\n'
        f"[ ! -e {tmp_path}/fail ] || {{ echo 'bad: pass\"w\\ord and with space'; exit 1; }}\n"
    )
    script.chmod(0o755)
    return script


def format_with(java: Path) -> None:
    """Format something for two users."""
    Jvm(java, java.parent, None).format(
        java.parent / "server.properties", "cluster", ("--initial-controllers", "1@a:1:b"), USERS
    )


def test_passwords_reach_the_tool_in_a_file_of_its_own(java: Path, tmp_path: Path) -> None:
    """Quoted as java reads it, for its owner's eyes alone, and gone afterwards."""
    format_with(java)
    called = (tmp_path / "called").read_text()
    assert called.startswith("@")
    assert len(called.split()) == 1
    assert not Path(called.strip().removeprefix("@")).exists()
    told = tmp_path / "told"
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    lines = told.read_text().splitlines()
    assert '"SCRAM-SHA-512=[name=admin,password=pass\\"w\\\\ord]"' in lines
    assert '"SCRAM-SHA-512=[name=suite,password=with space]"' in lines
    assert lines.index('"--add-scram"') > lines.index('"--initial-controllers"')


def test_a_refusal_does_not_repeat_a_password(java: Path, tmp_path: Path) -> None:
    """Whatever the tool says last."""
    (tmp_path / "fail").touch()
    with pytest.raises(LabError, match=r"could not format .*: bad: \*\*\* and \*\*\*"):
        format_with(java)
