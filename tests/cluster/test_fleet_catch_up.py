"""Catching up on a real cluster: what was put off is done later, and nothing is done twice."""

import signal

import pytest

from blueprint.client_settings import GroupProtocol
from tests.cluster.split_fleet import (
    KEYS,
    RECORDS,
    assert_all_done,
    assert_order_per_key,
    effects,
    leave,
    prepared,
    replay,
    start,
)
from tests.fleet.running_fleet import MakeFleet

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("handler", "protocol"),
    [("one_by_one", GroupProtocol.CONSUMER), ("many", GroupProtocol.COOPERATIVE)],
)
def test_a_backlog_is_caught_up_with_and_what_was_put_off_is_done_once(
    make_fleet: MakeFleet, handler: str, protocol: GroupProtocol
) -> None:
    """Entered by hand, a member joins meanwhile, left by itself, replayed: each effect once."""
    fleet = make_fleet(protocol)
    settings = prepared(fleet)
    first = start(fleet, handler, settings)
    fleet.until(lambda: fleet.journal.exists() and "rest" in fleet.journal.read_text(), "it works")
    first.send_signal(signal.SIGUSR1)
    fleet.until(lambda: bool(fleet.signals("catching-up")), "it catches up", 30)
    second = start(fleet, handler, settings)
    fleet.until(lambda: bool(fleet.signals("caught-up")), "it has caught up")
    fleet.until(fleet.done, "everything is committed")
    fleet.produce(KEYS * 2, KEYS)
    fleet.until(fleet.done, "what came after is committed")
    leave(fleet, [first, second])
    assert fleet.signals("deferred")
    owed = replay(fleet, handler, "--dry-run")
    assert owed["deferred"] > 0
    assert owed["skipped"] > 0
    before = effects(fleet)
    assert sum(n for (part, *_), n in before.items() if part == "essential") + owed["skipped"] == (
        RECORDS + 2 * KEYS
    )
    ended = replay(fleet, handler)
    assert ended["replayed"] == owed["deferred"] + owed["skipped"]
    assert_all_done(fleet, 1)
    assert_order_per_key(fleet)
    again = replay(fleet, handler)
    assert again["replayed"] == again["left"] == 0


def test_a_member_that_is_killed_while_it_catches_up_leaves_nothing_undone(
    make_fleet: MakeFleet,
) -> None:
    """What it had not committed is done again, what it had put off and committed is not lost."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    settings = prepared(fleet)
    first = start(fleet, "one_by_one", settings)
    fleet.until(lambda: fleet.journal.exists() and "rest" in fleet.journal.read_text(), "it works")
    first.send_signal(signal.SIGUSR1)
    fleet.until(lambda: bool(fleet.signals("catching-up")), "it catches up", 30)
    fleet.until(lambda: sum(fleet.committed().values()) > RECORDS // 3, "some is committed")
    first.kill()
    second = start(fleet, "one_by_one", settings)
    fleet.until(fleet.done, "everything is committed")
    leave(fleet, [second])
    replay(fleet, "one_by_one")
    assert_all_done(fleet, 2)
    assert_order_per_key(fleet)
