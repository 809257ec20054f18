"""Which tests run one after the other, in one worker: a lane; workers run beside each other.

Whatever times a Kafka cluster is one lane, whatever asks the one Kubernetes API server is another,
and of the rest each file is its own. A lane is told from the file alone: who deals tests out has
collected none.
"""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
#: The longest, first: they decide when the end is.
_LONG = ("cluster", "kubernetes")


@cache
def lane_of(file: str) -> str:
    """The lane of a file of tests, by its path from the project's root."""
    if "pytest.mark.cluster" in (ROOT / file).read_text():
        return "cluster"
    name = Path(file).name
    return "kubernetes" if name.startswith(("test_kubernetes", "test_control_plane")) else file


def rank(file: str) -> int:
    """When a file's turn is, among others in the order in which they were collected."""
    lane = lane_of(file)
    return _LONG.index(lane) if lane in _LONG else len(_LONG)


class Lanes(LoadScopeScheduling):
    """Deals whole lanes out, in the order in which workers collected them."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        """Keep that order."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid.partition("::")[0])
