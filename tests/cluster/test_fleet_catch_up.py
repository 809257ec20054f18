"""Catching up on a real cluster: what was put off is done later, and nothing is done twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from confluent_kafka import KafkaError
from confluent_kafka.cimpl import NewTopic

from blueprint.client_settings import GroupProtocol
from lab.cluster import Lab
from tests.fleet.running_fleet import ROOT, Fleet, MakeFleet, settle
from tests.fleet.split_handlers import JOURNAL, SKIP_EVERY, WORK_MS

pytestmark = pytest.mark.cluster

RECORDS, KEYS = 12_000, 300
Effects = Counter[tuple[str, int, int]]


def prepared(make_fleet: MakeFleet, lab: Lab, protocol: GroupProtocol) -> tuple[Fleet, Path]:
    """A backlog, and settings by which catching up ends soon."""
    fleet = make_fleet(protocol)
    fleet.prepare()
    admin, topic = lab.admin(), f"{fleet.topic}-deferred"
    for future in admin.create_topics([NewTopic(topic, 1, 3)]).values():
        settle(future, KafkaError.TOPIC_ALREADY_EXISTS)
    fleet.produce(RECORDS, KEYS)
    settings = fleet.folder / "settings.yaml"
    fields = {"enter_records": 10**9, "leave_records": 200, "hold_s": 1, "look_every_s": 0.3}
    settings.write_text(yaml.safe_dump({"catch_up": fields}))
    fleet.environment |= {WORK_MS: "3", JOURNAL: str(fleet.journal)}
    return fleet, settings


def start(fleet: Fleet, handler: str, settings: Path) -> "subprocess.Popen[str]":
    """One more member."""
    words = ["run", f"tests.fleet.split_handlers:{handler}", "--topic", fleet.topic]
    words += ["--settings", str(settings), "--protocol", fleet.protocol.value]
    return start_with(fleet, words)


def start_with(fleet: Fleet, words: list[str]) -> "subprocess.Popen[str]":
    """The fleet's door on this fleet."""
    command = [sys.executable, "-m", "fleet", *words]
    command += ["--outputs", str(fleet.outputs), "--group", fleet.topic]
    with fleet.said.open("a") as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | fleet.environment,
            stdout=subprocess.PIPE if words[0] == "replay" else said,
            stderr=said,
            text=True,
        )
    fleet.members.append(process)
    return process


def replay(fleet: Fleet, handler: str, *more: str) -> dict[str, int]:
    """What a replay says at its end."""
    words = ["replay", f"tests.fleet.split_handlers:{handler}", *more]
    process = start_with(fleet, words)
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0, fleet.said.read_text()[-3000:]
    found: dict[str, int] = json.loads(out)
    return found


def effects(fleet: Fleet) -> Effects:
    """How often each part of each record was done."""
    found: Effects = Counter()
    for line in fleet.journal.read_text().splitlines():
        part, partition, offset, _, _ = line.split(" ")
        found[part, int(partition), int(offset)] += 1
    return found


def assert_all_done(fleet: Fleet, most: int) -> None:
    """Both parts of every record were done, and none more often than is allowed."""
    found = effects(fleet)
    for partition, end in fleet.ends().items():
        for part in ("essential", "rest"):
            times = [found[part, partition, offset] for offset in range(end)]
            missing = [offset for offset, count in enumerate(times) if count == 0]
            assert not missing, f"{part} of {partition}: {missing[:5]}"
            assert max(times, default=0) <= most, f"{part} of {partition}"


def assert_order_per_key(fleet: Fleet) -> None:
    """What was done for the first time keeps the order of its key."""
    seen: dict[str, int] = {}
    for line in fleet.journal.read_text().splitlines():
        part, _, _, key, number = line.split(" ")
        if part == "essential" and int(number) % SKIP_EVERY:
            at = seen.get(key, 0)
            skipped = 1 + ((at + 1) % SKIP_EVERY == 0)
            assert int(number) <= at + skipped, f"{key}: {number} after {at}"
            seen[key] = max(at, int(number))


def leave(fleet: Fleet, members: "list[subprocess.Popen[str]]") -> None:
    """End members in order."""
    for member in members:
        member.send_signal(signal.SIGTERM)
    for member in members:
        assert member.wait(40) == 0, fleet.said.read_text()[-3000:]


@pytest.mark.parametrize(
    ("handler", "protocol"),
    [("one_by_one", GroupProtocol.CONSUMER), ("many", GroupProtocol.COOPERATIVE)],
)
def test_a_backlog_is_caught_up_with_and_what_was_put_off_is_done_once(
    make_fleet: MakeFleet, lab: Lab, handler: str, protocol: GroupProtocol
) -> None:
    """Entered by hand, a member joins meanwhile, left by itself, replayed: each effect once."""
    fleet, settings = prepared(make_fleet, lab, protocol)
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
    make_fleet: MakeFleet, lab: Lab
) -> None:
    """What it had not committed is done again, what it had put off and committed is not lost."""
    fleet, settings = prepared(make_fleet, lab, GroupProtocol.CONSUMER)
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
