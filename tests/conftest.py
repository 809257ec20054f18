"""What holds for every test."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.turns import turn

# A busy machine is no failure: what an example may take is pytest's time-out to say.
settings.register_profile(
    "busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")

#: What shares a costly fixture, or must not run beside its like, is one worker's: whatever times a
#: Kafka cluster, and whatever asks the one Kubernetes API server.
_LANES = ("cluster", "kubernetes")


def lane_of(item: pytest.Item) -> str:
    """The tests of one lane run one after the other; of the rest, those of one file do."""
    if item.get_closest_marker("cluster"):
        return "cluster"
    if "control_plane" in getattr(item, "fixturenames", ()):
        return "kubernetes"
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each test into its lane, the longest lanes first: they decide when the end is."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane_of(item)))
    items.sort(key=lambda item: _rank(lane_of(item)))


def _rank(lane: str) -> int:
    return _LANES.index(lane) if lane in _LANES else len(_LANES)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for a test's turn, before its time-out begins."""
    with turn(item):
        return (yield)
