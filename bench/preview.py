"""How long a preview takes, in the real engine: a small stack on AWS, and one of 30 brokers.

``python -m bench.preview`` prints both in seconds and the large one as a multiple of the small,
keeps them in bench/results, and ends with 1 where the large one took longer than promised.
Over the stand-in provider of the tests: what is measured is the program, the engine and what they
say to each other, and not AWS.
"""

import asyncio
import json
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation import LocalWorkspaceOptions, ProjectBackend, ProjectSettings

from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.stack_config import parse_stack
from components.aws_platform import declare
from lab.tools import pulumi as tools
from tests.engine.aws_provider.stand_in import Moto, running_moto
from tests.engine.aws_stack import SETTINGS, stand_in
from tests.engine.harness import Room
from tests.engine.harness.cli import BoundedCli

RESULTS = Path(__file__).parent / "results" / "preview.json"
SMALL = {"brokers": 3, "topics": 1}
LARGE = {"brokers": 30, "topics": 200}
#: The promise, of the large one.
MOST_S = 20.0


def stack_of(brokers: int, topics: int) -> Blueprint:
    """A stack of that size.

    Raises:
        LookupError: No demand gives that many brokers.
    """
    fields: dict[str, Any] = deepcopy(SETTINGS)
    fields["topics"] = [{"name": f"topic-{one}", "partitions": 6} for one in range(topics)]
    fields["clients"] = [{"name": "shop", "produces": ["topic-0"], "cidrs": ["10.40.0.0/16"]}]
    fields["demand"]["partitions_today"] = 6 * topics
    for events_per_s in range(50_000, 5_000_000, 10_000):
        fields["demand"]["peak_events_per_s"] = events_per_s
        made = blueprint_of(parse_stack(fields, "bench"))
        if len(made.topology.brokers) >= brokers:
            return made
    raise LookupError(f"no demand of less than five million events/s wants {brokers} brokers")


def preview_s(made: Blueprint, moto: Moto, folder: Path) -> tuple[float, int]:
    """How long one preview takes, and of how many resources it is."""

    async def program() -> None:
        pulumi.export("quorate", declare(made))
        # Requests begin before the end is awaited, or pulumi asks every output after each of them.
        await asyncio.sleep(0)

    room = Room(folder, tools.pulumi_tools(), (stand_in(moto),))
    environment = room.environment()
    settings = ProjectSettings("quorate", "python", backend=ProjectBackend(room.backend()))
    options = LocalWorkspaceOptions(
        work_dir=str(folder),
        project_settings=settings,
        env_vars=environment,
        pulumi_command=BoundedCli(room.tools.cli, environment),
    )
    stack = automation.create_stack("bench", "quorate", program, opts=options)
    began = time.monotonic()
    done = stack.preview()
    return time.monotonic() - began, sum(done.change_summary.values())


def main() -> None:
    """Measure both, and say so."""
    seconds, sizes = {}, {}
    with tempfile.TemporaryDirectory() as room, running_moto(Path(room)) as moto:
        for name, size in (("small", SMALL), ("large", LARGE)):
            made = stack_of(**size)
            with tempfile.TemporaryDirectory() as folder:
                seconds[name], sizes[name] = preview_s(made, moto, Path(folder))
            what = f"{len(made.topology.brokers)} brokers, {len(made.topics)} topics"
            print(f"{what}: {sizes[name]} resources, {seconds[name]:.1f} s")
    print(f"{seconds['large'] / seconds['small']:.1f} times the small one; at most {MOST_S:g} s")
    said = {"seconds": seconds, "resources": sizes, "at_most_s": MOST_S}
    RESULTS.write_text(json.dumps(said, indent=1) + "\n")
    raise SystemExit(seconds["large"] > MOST_S)


if __name__ == "__main__":
    main()
