"""actionlint 1.7.12, which reads workflows as GitHub does; built from its own module, once."""

from pathlib import Path

from lab.tools.go import GoTool

VERSION = "1.7.12"
_TOOL = GoTool(
    name="actionlint",
    version=VERSION,
    module=Path(__file__).parent,
    packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
)


def actionlint() -> Path:
    """The command, built if this user has not got it yet.

    Raises:
        LabError: It cannot be built.
    """
    return _TOOL.folder() / "actionlint"
