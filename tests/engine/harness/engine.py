"""The engine over one stack: preview, up, refresh, destroy, each told by its own events."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi import automation
from pulumi.automation import ConfigValue, LocalWorkspaceOptions, ProjectBackend, ProjectSettings
from pulumi.automation.errors import CommandError

from lab.tools.pulumi import PulumiTools
from tests.engine.harness.cli import BoundedCli
from tests.engine.harness.loops import Loops
from tests.engine.harness.loops import Program as Program
from tests.engine.harness.results import Recording, Result

PROJECT = "quorate"
_ROOT = Path(__file__).parents[3]
#: What the project's own program is made of; linked into a room, so that a run leaves the tree be.
_PARTS = ("blueprint", "components", "lab", "chaos", "fleet", "policies", ".venv")

Config = Mapping[str, str | ConfigValue]


class EngineFailed(Exception):
    """An operation ended in an error; what it had done until then is in ``result``."""

    def __init__(self, operation: str, result: Result, said: str) -> None:
        """Keep what was done and what was said."""
        self.result = result
        self.said = said
        told = [line for line in result.messages if not line.startswith("info: ")]
        super().__init__(f"pulumi {operation} failed: " + ("\n".join(told) or said))


@dataclass(frozen=True, slots=True)
class StandIn:
    """A provider that is not the real one.

    Attributes:
        folder: Holds its executable, such as ``pulumi-resource-aws``.
        environment: What it needs to find what it stands before.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Room:
    """Where stacks are kept apart from the user's own: state, plugins, passphrase, PATH.

    Attributes:
        folder: A temporary folder; whatever a run writes is in it.
        tools: The CLI and what runs Python for it.
        stand_ins: Providers to have on PATH.
    """

    folder: Path
    tools: PulumiTools
    stand_ins: tuple[StandIn, ...] = ()

    def environment(self) -> dict[str, str]:
        """What every command and what it starts is given, beside the environment it has."""
        folders = [str(stand_in.folder) for stand_in in self.stand_ins]
        folders += [self.tools.path(), str(Path(sys.executable).parent), os.environ["PATH"]]
        own = {
            "PATH": os.pathsep.join(folders),
            "PULUMI_HOME": str(self._made("home")),
            "PULUMI_BACKEND_URL": self.backend(),
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
            # A dynamic provider is found by module in the process that runs it.
            "PYTHONPATH": str(_ROOT),
            "NO_COLOR": "1",
        }
        for stand_in in self.stand_ins:
            own |= stand_in.environment
        return own

    def backend(self) -> str:
        """The address of the file backend."""
        return f"file://{self._made('state')}"

    def _made(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir(parents=True, exist_ok=True)
        return made


class Engine:
    """One stack in one room; use ``of_program`` or ``of_project``."""

    def __init__(self, stack: automation.Stack, loops: Loops, room: Room) -> None:
        """Drive this stack."""
        self._stack = stack
        self._loops = loops
        self._room = room

    @classmethod
    def of_program(
        cls, program: Program, room: Room, config: Config | None = None, stack: str = "test"
    ) -> "Engine":
        """A stack of a function that declares resources and exports outputs.

        Args:
            program: Called anew for each operation, in this process; may be a closure.
            room: Where the stack is kept.
            config: By full key, such as ``aws:region``.
            stack: The stack's name.
        """
        settings = ProjectSettings(
            name=PROJECT, runtime="python", backend=ProjectBackend(room.backend())
        )
        folder = room.folder / f"program-{stack}"
        folder.mkdir()
        options = _options(folder, room, settings)
        loops = Loops()
        made = automation.create_stack(stack, PROJECT, loops.watching(program), opts=options)
        engine = cls(made, loops, room)
        engine.configure(config or {})
        return engine

    @classmethod
    def of_project(cls, stack: str, room: Room, config: Config | None = None) -> "Engine":
        """A stack of the project's own ``__main__.py``, run by the language host as a user runs it.

        Args:
            stack: Such as ``aws``: its ``stacks/Pulumi.aws.yaml`` is what it is configured by.
            room: Where a copy of the program and its stack settings are put.
            config: Set over what the file says.
        """
        folder = _copy_of_project(room.folder / f"project-{stack}")
        options = _options(folder, room)
        made = automation.create_stack(stack, work_dir=str(folder), opts=options)
        engine = cls(made, Loops(), room)
        engine.configure(config or {})
        return engine

    def configure(self, config: Config) -> None:
        """Set these keys; others stay."""
        if config:
            values = {
                key: value if isinstance(value, ConfigValue) else ConfigValue(value)
                for key, value in config.items()
            }
            self._stack.set_all_config(values)

    def become(self, program: Program) -> None:
        """From now on the stack is of this program, as after an edit."""
        self._stack.workspace.program = self._loops.watching(program)

    def preview(self, policy_packs: tuple[Path, ...] = ()) -> Result:
        """What an ``up`` would do.

        Raises:
            EngineFailed: It cannot be said, or a mandatory policy was violated.
        """
        packs = list(map(str, policy_packs))
        return self._run("preview", lambda on: self._stack.preview(on_event=on, policy_packs=packs))

    def up(self, policy_packs: tuple[Path, ...] = ()) -> Result:
        """Make it so.

        Raises:
            EngineFailed: Something could not be made, or a mandatory policy was violated; the
                state has what was made.
        """
        packs = list(map(str, policy_packs))
        return self._run("up", lambda on: self._stack.up(on_event=on, policy_packs=packs))

    def refresh(self) -> Result:
        """Read every resource anew.

        Raises:
            EngineFailed: A resource cannot be read.
        """
        return self._run("refresh", lambda on: self._stack.refresh(on_event=on))

    def destroy(self) -> Result:
        """Remove every resource; the stack itself stays, empty.

        Raises:
            EngineFailed: Something could not be removed.
        """
        return self._run("destroy", lambda on: self._stack.destroy(on_event=on))

    def outputs(self) -> dict[str, object]:
        """The stack's outputs by name, secrets in clear."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    def secret_outputs(self) -> frozenset[str]:
        """The names of the outputs that are secrets."""
        return frozenset(name for name, out in self._stack.outputs().items() if out.secret)

    def state(self) -> dict[str, object]:
        """The deployment, with secrets in clear."""
        return dict(self._stack.export_stack().deployment or {})

    def kept(self) -> str:
        """Everything that is kept of every stack of the room, as it lies on disk."""
        files = sorted((self._room.folder / "state").rglob("*"))
        return "\n".join(file.read_text() for file in files if file.is_file())

    def _run(self, operation: str, run: Callable[[Recording], object]) -> Result:
        seen = Recording()
        try:
            run(seen)
        except (CommandError, RuntimeError) as error:
            raise EngineFailed(operation, seen.result(), str(error)) from None
        finally:
            self._loops.close()
        return seen.result()


def _options(
    folder: Path, room: Room, settings: ProjectSettings | None = None
) -> LocalWorkspaceOptions:
    environment = room.environment()
    return LocalWorkspaceOptions(
        work_dir=str(folder),
        project_settings=settings,
        env_vars=environment,
        pulumi_command=BoundedCli(room.tools.cli, environment),
    )


def _copy_of_project(folder: Path) -> Path:
    """The program and its stack settings copied, what it imports linked."""
    folder.mkdir()
    shutil.copytree(_ROOT / "stacks", folder / "stacks")
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(_ROOT / name, folder / name)
    for part in filter(lambda part: (_ROOT / part).exists(), _PARTS):
        (folder / part).symlink_to(_ROOT / part)
    return folder
