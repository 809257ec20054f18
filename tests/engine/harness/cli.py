"""The CLI as the automation API starts it, with an end to every wait."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

#: More than the slowest operation of a test needs, and well under pytest's own limit.
TIMEOUT_S = 240

OnOutput = Callable[[str], object]


class BoundedCli(PulumiCommand):
    """One CLI, named by its path; a command that does not end is killed with all it started."""

    def __init__(self, cli: Path, environment: Mapping[str, str]) -> None:
        """Run this CLI, whatever else is on PATH."""
        self.command = str(cli)
        own = {**os.environ, **environment}
        said = subprocess.check_output([cli, "version"], text=True, timeout=60, env=own)
        self.version = VersionInfo.parse(said.strip().removeprefix("v"))

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command to its end.

        Raises:
            CommandError: It failed, or did not end within ``TIMEOUT_S``.
        """
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            env={**os.environ, **additional_env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _kill(process.pid)
            stdout, stderr = process.communicate(timeout=30)
            stderr += f"\nkilled: pulumi {args[0]} did not end within {TIMEOUT_S} s"
        result = CommandResult(stdout, stderr, process.returncode)
        if process.returncode != 0:
            raise create_command_error(result)
        return result


def _kill(pid: int) -> None:
    """Plugins are in process groups of their own, so the tree is walked before its root goes."""
    tree = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    for process in tree:
        process.kill()
    psutil.wait_procs(tree, timeout=10)
