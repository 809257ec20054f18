"""The Pulumi engine can be had on a machine that has none."""

import subprocess
from pathlib import Path

import pytest

from lab.problem import LabError
from lab.tools import go
from lab.tools.go import GoTool
from lab.tools.pulumi import VERSION, PulumiTools, pulumi_cli, pulumi_tools


def test_each_folder_is_on_the_path_once() -> None:
    """A user's own full installation is one folder on PATH, what is built is three."""
    own = PulumiTools(Path("/p/pulumi"), Path("/p"), Path("/p"))
    built = PulumiTools(Path("/p/pulumi"), Path("/host"), Path("/scripts"))
    assert own.path() == "/p"
    assert built.path() == "/p:/host:/scripts"


def test_a_named_cli_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """QUORATE_PULUMI that names no command says so, and what to do."""
    monkeypatch.setenv("QUORATE_PULUMI", "/no/such/pulumi")
    with pytest.raises(LabError, match=r"QUORATE_PULUMI is '/no/such/pulumi'.*unset it"):
        pulumi_cli()


def test_a_full_installation_brings_its_own_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CLI with a language host beside it is taken with that host, and nothing is built."""
    for name in ("pulumi", "pulumi-language-python"):
        (tmp_path / name).touch(0o755)
    monkeypatch.delenv("QUORATE_PULUMI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pulumi_tools() == PulumiTools(tmp_path / "pulumi", tmp_path, tmp_path)


def test_go_of_its_package_is_the_command_and_not_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside Go the package installs a script of that name, which runs only where it is found."""

    def install(*_: object, **__: object) -> str:
        for name in ("bin/go", "go/bin/go", "go/VERSION"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return ""

    monkeypatch.setattr(go, "_run", install)
    assert go._go_from_package(tmp_path) == str(tmp_path / "go/bin/go")


def test_a_build_without_room_is_refused_before_it_begins(tmp_path: Path) -> None:
    """A disk that a build would fill is found out first, with what to do."""
    tool = GoTool("no", "1", tmp_path, {}, scratch_bytes=10**18)
    with pytest.raises(LabError, match="free some, or set QUORATE_CACHE"):
        tool.build(tmp_path)


@pytest.mark.engine
def test_the_cli_says_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI runs, and what runs Python for it is where it is said to be."""
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
    tools = pulumi_tools()
    said = subprocess.run(
        [tools.cli, "version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.startswith("v3.")
    if "quorate" in str(tools.cli):
        assert said.stdout.strip() == f"v{VERSION}"
    for name in ("pulumi-language-python", "pulumi-language-python-exec"):
        assert (tools.language_host_dir / name).stat().st_mode & 0o111
    for name in ("pulumi-resource-pulumi-python", "pulumi-analyzer-policy-python"):
        assert (tools.scripts_dir / name).stat().st_mode & 0o111
