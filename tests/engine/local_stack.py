"""A stack of the target ``local`` in a room of its own, its lab under a name that no other has."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka.admin import AdminClient

from blueprint.outputs import StackOutputs, load
from lab.cluster import Lab, tear_down
from lab.state import state_of
from lab.tools.pulumi import PulumiTools
from tests.engine.harness import Engine, Room

STACK = "local"
CALL_TIMEOUT_S = 200.0


@dataclass(frozen=True)
class LocalStack:
    """The project's own ``local`` stack, and the lab that it makes."""

    engine: Engine
    room: Room
    name: str

    def set(self, **settings: object) -> None:
        """Change settings of the namespace ``quorate:``."""
        self.engine.configure({f"quorate:{name}": _text(value) for name, value in settings.items()})

    def outputs(self) -> StackOutputs:
        """What the stack exports, read as the chaos suite reads it."""
        return load(json.dumps(self.engine.outputs()["quorate"]))

    def lab(self) -> Lab:
        """The lab itself."""
        return Lab.open(self.name)

    def admin(self) -> AdminClient:
        """The lab's administrator; to be kept while it is asked, and not over a restart."""
        bootstrap, own = self.outputs().bootstrap_servers["a"], self.lab().plan.admin_settings()
        return AdminClient({"bootstrap.servers": bootstrap, **own})

    def pids(self) -> dict[str, int | None]:
        """The lab's processes."""
        return {row.name: row.pid for row in self.lab().status()}

    def processes(self) -> list[int]:
        """Everything that runs from the lab's folder, whether the lab knows it or not."""
        folder = f"{state_of(self.name).folder}/"
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(folder in word for word in process.info["cmdline"] or ())
        ]

    def call(self, *arguments: str) -> tuple[int, str]:
        """Run the CLI to its end; returns its exit code and what it said."""
        with self.cli(*arguments) as process:
            said, _ = process.communicate(timeout=CALL_TIMEOUT_S)
        return process.returncode, said

    def cli(self, *arguments: str) -> subprocess.Popen[str]:
        """The CLI beside the harness, as a user starts it."""
        return subprocess.Popen(
            [self.room.tools.cli, "--non-interactive", *arguments, "--stack", STACK],
            cwd=self.room.folder / f"project-{STACK}",
            env={**os.environ, **self.room.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def local_stack(
    folder: Path, tools: PulumiTools, settings: Mapping[str, object] | None = None
) -> Iterator[LocalStack]:
    """A stack with nothing in it yet; whatever its lab left is gone at the end."""
    name, room = f"stack-{uuid.uuid4().hex[:8]}", Room(folder, tools)
    made = LocalStack(Engine.of_project(STACK, room), room, name)
    made.set(local={"name": name}, **(settings or {}))
    try:
        yield made
    finally:
        tear_down(name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
