"""Previews the shipped stacks with the policies: ``python -m tests.engine.previews [STACK ...]``.

With ``--annotate`` what is found is told as annotations of a pipeline's.
In the real engine, by the project's own program. The local stack needs nothing else; before AWS and
Kubernetes stand the tests' own providers, so no account is asked and none is needed.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.report.pipeline import Level, annotation
from lab.problem import LabError
from lab.tools.pulumi import PulumiTools, pulumi_tools
from tests.engine import crds
from tests.engine.aws_provider.stand_in import running_moto
from tests.engine.aws_stack import stand_in
from tests.engine.control_plane.binaries import binaries
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness import Engine, EngineFailed, Result, Room, StandIn, Violated
from tests.engine.kubernetes_fixtures import PROVIDER

_PACK = Path(__file__).parents[2] / "policies"
STACKS = ("local", "aws", "kubernetes")
_LEVELS = {"mandatory": Level.ERROR, "advisory": Level.WARNING}


def pack_of(tools: PulumiTools) -> tuple[Path, ...]:
    """The pack as these tools can start it.

    A full installation starts the folder, by the language host that came with it. The host that is
    built here is older than its CLI and cannot; that CLI starts the executable itself.
    """
    full = tools.language_host_dir == tools.cli.parent
    return (_PACK if full else _PACK / "pulumi-analyzer-quorate",)


def main() -> int:
    """One line for each stack, and everything that a policy has against it; 1 where one fails."""
    annotate = "--annotate" in sys.argv[1:]
    named = [stack for stack in STACKS if stack in sys.argv[1:]]
    try:
        failed = [stack for stack in named or STACKS if not _passes(stack, annotate)]
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if failed else 0


def _passes(stack: str, annotate: bool) -> bool:
    tools = pulumi_tools()
    with tempfile.TemporaryDirectory() as folder, _providers(stack, Path(folder)) as providers:
        engine = Engine.of_project(stack, Room(Path(folder), tools, providers))
        try:
            previewed, why = engine.preview(pack_of(tools)), ""
        except EngineFailed as failure:
            previewed, why = failure.result, str(failure)
    _say(stack, previewed, annotate)
    if why and annotate:
        print(annotation(Level.ERROR, f"{stack}: the preview failed", why))
    elif why:
        print(why)
    return not why


def _say(stack: str, previewed: Result, annotate: bool) -> None:
    declared, told = sum(previewed.counts.values()), len(previewed.violated)
    print(f"{stack}: {declared} resources, {told} violations, {previewed.duration_s} s", flush=True)
    for one in previewed.violated:
        print(_annotated(stack, one) if annotate else f"[{one.level}] {one.rule}\n{one.message}")


def _annotated(stack: str, one: Violated) -> str:
    file = f"stacks/Pulumi.{stack}.yaml"
    return annotation(_LEVELS[one.level], f"{stack}: {one.rule}", one.message, file)


@contextmanager
def _providers(stack: str, folder: Path) -> Iterator[tuple[StandIn, ...]]:
    if stack == "aws":
        with running_moto(folder) as moto:
            # Of the fleets' cluster nothing is known at a preview, so nobody is asked.
            yield stand_in(moto), StandIn(PROVIDER)
    elif stack == "kubernetes":
        running = ControlPlane.start(binaries())
        try:
            crds.install(running.api)
            yield (StandIn(PROVIDER, {"KUBECONFIG": str(running.kubeconfig)}),)
        finally:
            running.stop()
    else:
        yield ()


if __name__ == "__main__":
    sys.exit(main())
