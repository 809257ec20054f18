"""Fleets whose handler is a ``Split``: started, caught up, replayed, and what they left undone."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.fleet.running_fleet import ROOT, Fleet, settle
from tests.fleet.split_handlers import JOURNAL, SKIP_EVERY, WORK_MS

RECORDS, KEYS = 12_000, 300
Effects = Counter[tuple[str, int, int]]


def prepared(fleet: Fleet) -> Path:
    """Make a backlog; return settings by which catching up ends soon."""
    fleet.prepare()
    admin, topic = AdminClient(fleet.client), f"{fleet.topic}-deferred"
    for future in admin.create_topics([NewTopic(topic, 1, 3)]).values():
        settle(future, KafkaError.TOPIC_ALREADY_EXISTS)
    fleet.produce(RECORDS, KEYS)
    settings = fleet.folder / "settings.yaml"
    fields = {"enter_records": 10**9, "leave_records": 200, "hold_s": 1, "look_every_s": 0.3}
    settings.write_text(yaml.safe_dump({"catch_up": fields}))
    fleet.environment |= {WORK_MS: "3", JOURNAL: str(fleet.journal)}
    return settings


def start(fleet: Fleet, handler: str, settings: Path) -> "subprocess.Popen[str]":
    """One more member."""
    words = ["run", f"tests.fleet.split_handlers:{handler}", "--topic", fleet.topic]
    words += ["--settings", str(settings), "--protocol", fleet.protocol.value]
    return start_with(fleet, words)


def start_with(fleet: Fleet, words: list[str]) -> "subprocess.Popen[str]":
    """The fleet's door on this fleet."""
    command = [sys.executable, "-m", "fleet", *words]
    command += ["--outputs", str(fleet.outputs), "--group", fleet.topic, *fleet.proof]
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
