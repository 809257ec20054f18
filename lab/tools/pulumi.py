"""The Pulumi engine: the user's own CLI, else 3.259.0 built from its Go modules.

    export PATH="$(python -m lab.tools.pulumi):$PATH"

``QUORATE_PULUMI`` names another CLI. What is built is in three folders, because what belongs on
PATH differs: a program needs all three, a policy pack only the CLI and the scripts (beside the
pinned language host a pack does not start).
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from blueprint.door import BAD_INPUT
from lab.problem import LabError
from lab.tools.cache import install_once
from lab.tools.go import GoTool, ModuleFile, named_command

VERSION = "3.259.0"
#: The last of its Go modules that still holds the language host and the policy script.
HOST_VERSION = "3.79.0"

#: What is installed answers at once; only a build is worth a line.
_SLOW_S = 1.0
_FOLDER = Path(__file__).parent
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_HOST = "pulumi-language-python"
_EXEC = "pulumi-language-python-exec"
_ANALYZER = "pulumi-analyzer-policy-python"
_CLI_TOOL = GoTool(
    name="pulumi",
    version=VERSION,
    module=_FOLDER / "pulumi",
    packages={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
    ldflags=f"-X {_SDK}/go/common/version.Version=v{VERSION}",
    tags=("osusergo", "grpcnotrace"),
    build_timeout_s=1800,
    # From nothing more than 3 GB were seen, Go itself included.
    scratch_bytes=5_000_000_000,
)
_HOST_TOOL = GoTool(
    name=_HOST,
    version=HOST_VERSION,
    module=_FOLDER / "pulumi_python",
    packages={_HOST: f"{_SDK}/python/cmd/{_HOST}"},
    scripts=(ModuleFile(_SDK, f"python/dist/{_ANALYZER}"),),
    ldflags=f"-X {_SDK}/go/common/version.Version=v{HOST_VERSION}",
)
_SCRIPTS_TOOL = GoTool(
    name="pulumi-scripts",
    version=VERSION,
    module=_FOLDER / "pulumi_scripts",
    packages={},
    scripts=(
        ModuleFile(_SDK, f"python/cmd/{_EXEC}"),
        ModuleFile(_SDK, "python/dist/pulumi-resource-pulumi-python"),
    ),
)


@dataclass(frozen=True, slots=True)
class PulumiTools:
    """Where the engine and what it starts are.

    Attributes:
        cli: The command ``pulumi``.
        language_host_dir: Holds what runs a Python program.
        scripts_dir: Holds what runs a dynamic provider and a policy pack in Python.
    """

    cli: Path
    language_host_dir: Path
    scripts_dir: Path

    def path(self) -> str:
        """What stands before the rest of PATH to run a program, each folder once."""
        folders = (self.cli.parent, self.language_host_dir, self.scripts_dir)
        return os.pathsep.join(dict.fromkeys(map(str, folders)))


def pulumi_cli() -> Path:
    """The CLI: the one named, else the user's own, else one built.

    Raises:
        LabError: It cannot be built, or ``QUORATE_PULUMI`` names no command.
    """
    named = named_command("QUORATE_PULUMI", f"pulumi {VERSION}")
    if named is not None:
        return named
    own = shutil.which("pulumi")
    return Path(own).absolute() if own else _CLI_TOOL.folder() / "pulumi"


def pulumi_tools() -> PulumiTools:
    """The CLI and what runs Python for it; a full installation brings its own of the latter.

    Raises:
        LabError: One of them cannot be had.
    """
    cli = pulumi_cli()
    if (cli.parent / _HOST).exists():
        return PulumiTools(cli, cli.parent, cli.parent)
    python = install_once(f"pulumi-python-{VERSION}", _assemble)
    return PulumiTools(cli, python / "host", python / "scripts")


def _assemble(room: Path) -> None:
    """The host looks for its own script beside itself, which is in the newer module."""
    host, scripts = room / "host", room / "scripts"
    host.mkdir()
    scripts.mkdir()
    _HOST_TOOL.build(host)
    _SCRIPTS_TOOL.build(scripts)
    (scripts / _EXEC).rename(host / _EXEC)
    (host / _ANALYZER).rename(scripts / _ANALYZER)


def main() -> int:
    """Print the folders for PATH; a build is said on the error stream."""
    said = "pulumi: building it once for this user; about four minutes on two cores"
    slow = Timer(_SLOW_S, print, (said,), {"file": sys.stderr})
    slow.start()
    try:
        print(pulumi_tools().path())
    except LabError as error:
        print(f"pulumi: {error}", file=sys.stderr)
        return BAD_INPUT
    finally:
        slow.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
