"""The fleet's own word on its lag, written down beside a run: levels, and the deficit alarm."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chaos.crew import Launch, Worker
from chaos.fleet_member import fleet_door
from chaos.identity import suite_credentials
from chaos.stepping import Stage

END_TIMEOUT_S = 10.0
#: What the history keeps of one look at the group.
_KEPT = (
    "level",
    "lag_records",
    "lag_s",
    "arriving_per_s",
    "done_per_s",
    "deficit_ratio",
    "deficit",
    "instances",
    "instances_wanted",
    "needs_partitions",
)


@contextmanager
def lag_watched(stage: Stage) -> Iterator[None]:
    """While the block lasts, ``python -m fleet lag`` looks; where no limit asks, nobody does."""
    if stage.experiment.limits.deficit_s is None:
        yield
        return

    def hear(said: dict[str, Any]) -> None:
        for group in said.get("groups", ()):
            stage.log.add("lag-look", **{name: group[name] for name in _KEPT})

    zone = stage.experiment.workload.members[0]
    watch = Worker(stage.run_dir, "lag", zone, _launch(stage), hear)
    try:
        yield
    finally:
        watch.kill()
        watch.wait(END_TIMEOUT_S)


def _launch(stage: Stage) -> Launch:
    own = suite_credentials(stage.target.outputs)
    asked = ("--group", stage.group.name, "--topic", stage.topic.name)
    return fleet_door(stage.run_dir, own, ("lag", "--json", *asked))
