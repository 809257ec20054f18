"""toxiproxy-server 2.12.0, built from its own module; ``QUORATE_TOXIPROXY`` names another."""

from pathlib import Path

from lab.tools.go import GoTool, named_command

VERSION = "2.12.0"
_BINARY = "toxiproxy-server"
_TOOL = GoTool(
    name="toxiproxy",
    version=VERSION,
    module=Path(__file__).parent / "toxiproxy",
    packages={_BINARY: "github.com/Shopify/toxiproxy/v2/cmd/server"},
)


def toxiproxy_server() -> Path:
    """The server's binary, built if this user has not got it yet.

    Raises:
        LabError: It cannot be built, or ``QUORATE_TOXIPROXY`` names no command.
    """
    named = named_command("QUORATE_TOXIPROXY", f"toxiproxy-server {VERSION}")
    return named or _TOOL.folder() / _BINARY
