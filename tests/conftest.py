"""What holds for every test."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.lanes import Lanes, rank
from tests.turns import turn

# A busy machine is no failure: what an example may take is pytest's time-out to say.
settings.register_profile(
    "busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """Tests are dealt out by lane."""
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest lanes first."""
    items.sort(key=lambda item: rank(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for a test's turn, before its time-out begins."""
    with turn(item):
        return (yield)
