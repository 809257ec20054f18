"""The fleet on real Kafka: nothing skipped and order per key kept, whatever happens to members."""

import signal
import time

import psutil
import pytest

from blueprint.client_settings import GroupProtocol
from blueprint.failover_profile import BALANCED
from tests.fleet.handlers import WORK_MS
from tests.fleet.running_fleet import (
    RECORDS,
    MakeFleet,
    assert_commits_cover_only_what_is_done,
    assert_nothing_skipped,
    assert_order_per_key,
)

pytestmark = pytest.mark.cluster

#: For so long memory is watched.
FLAT_S = 12.0
#: Of one instance with a million records of lag.
MOST_MEMORY_BYTES = 300e6


@pytest.mark.parametrize("protocol", list(GroupProtocol))
def test_rebalances_and_a_killed_member_skip_nothing_and_keep_the_order(
    make_fleet: MakeFleet, protocol: GroupProtocol
) -> None:
    """A member joins, one is killed, one leaves in order, while records are handled."""
    fleet = make_fleet(protocol)
    fleet.prepare()
    fleet.produce()
    handler = "write_down_later" if protocol is GroupProtocol.COOPERATIVE else "write_down"
    fleet.environment[WORK_MS] = "4"
    first = fleet.start(handler)
    second = fleet.start(handler)
    fleet.until(lambda: len(fleet.lines()) > 1000, "the first records are handled")
    assert_commits_cover_only_what_is_done(fleet)
    fleet.start(handler)
    fleet.until(lambda: len({line.pid for line in fleet.lines()}) == 3, "the third works")
    second.send_signal(signal.SIGKILL)
    for _ in range(3):
        assert_commits_cover_only_what_is_done(fleet)
    fleet.start(handler)
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "the first has left", 30)
    assert first.returncode == 0, fleet.said.read_text()[-2000:]
    fleet.until(fleet.done, "everything is committed")
    assert_nothing_skipped(fleet)
    assert_order_per_key(fleet.lines())
    assert_commits_cover_only_what_is_done(fleet)
    assert len(fleet.lines()) < 2 * RECORDS


def test_a_stopped_handler_leaves_memory_flat_before_a_million_records(
    make_fleet: MakeFleet,
) -> None:
    """Partitions are paused, the member stays in its group, and once it can it handles them all."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(replicas=1)
    fleet.fill(1_000_000)
    (fleet.folder / "hangs").touch()
    member = fleet.start("stand_still")
    fleet.until(lambda: bool(fleet.signals("paused")), "it is paused")
    process = psutil.Process(member.pid)
    sizes = []
    until_s = time.monotonic() + FLAT_S
    while time.monotonic() < until_s:
        sizes.append(process.memory_info().rss)
        time.sleep(0.2)
    print(f"memory of a member: {sizes[0] / 1e6:.0f} to {max(sizes) / 1e6:.0f} MB")
    assert max(sizes) <= MOST_MEMORY_BYTES
    assert max(sizes) - sizes[0] <= 20e6
    assert len(fleet.lines()) == 16
    assert not fleet.signals("revoked")
    assert not fleet.signals("lost")
    (fleet.folder / "hangs").unlink()
    fleet.until(fleet.done, "everything is committed", 120)
    assert process.memory_info().rss <= MOST_MEMORY_BYTES


def test_two_processes_of_one_instance_share_the_work_and_end_together(
    make_fleet: MakeFleet,
) -> None:
    """One SIGTERM to the instance; everything that was handled is committed."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    fleet.produce()
    fleet.environment[WORK_MS] = "4"
    instance = fleet.start("write_down", "--processes", "2", "--instance", "one")
    fleet.until(lambda: len({line.pid for line in fleet.lines()}) == 2, "both work")
    fleet.until(fleet.done, "everything is committed")
    assert instance.pid not in {line.pid for line in fleet.lines()}
    instance.send_signal(signal.SIGTERM)
    fleet.until(lambda: instance.poll() is not None, "it ends", 30)
    assert instance.returncode == 0
    assert_order_per_key(fleet.lines())


def test_a_member_that_stood_still_for_too_long_loses_its_partitions_and_commits_nothing_of_them(
    make_fleet: MakeFleet,
) -> None:
    """Its session ends, the other goes on in its place, and what is committed never goes back."""
    fleet = make_fleet(GroupProtocol.COOPERATIVE)
    fleet.prepare()
    fleet.produce()
    fleet.environment[WORK_MS] = "8"
    first = fleet.start("write_down")
    fleet.start("write_down")
    fleet.until(lambda: len({line.pid for line in fleet.lines()}) == 2, "both work")
    first.send_signal(signal.SIGSTOP)
    held = BALANCED.group_session_timeout_ms / 1000 + 4
    until_s, before = time.monotonic() + held, fleet.committed()
    while time.monotonic() < until_s:
        now = fleet.committed()
        assert all(now[partition] >= offset for partition, offset in before.items())
        before = now
        time.sleep(0.2)
    first.send_signal(signal.SIGCONT)
    fleet.until(lambda: bool(fleet.signals("lost")), "the first is told", 30)
    fleet.until(fleet.done, "everything is committed")
    assert_nothing_skipped(fleet)
    assert_order_per_key(fleet.lines())
