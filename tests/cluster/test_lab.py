"""The lab: safe to repeat, apart from its neighbours, gone without a trace."""

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blueprint.outputs import load
from blueprint.problem import BadInput
from lab import process, ready
from lab.allocation import allocate
from lab.cluster import Lab, tear_down
from lab.config import LabConfig
from lab.problem import LabError
from lab.state import state_of
from tests.cluster.conftest import Door

pytestmark = pytest.mark.cluster


@pytest.fixture
def other_name() -> Iterator[str]:
    """The name of a second lab, gone at the end."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    tear_down(name)


def pids(lab: Lab) -> dict[str, int | None]:
    """The processes of a lab."""
    return {row.name: row.pid for row in lab.status()}


def test_up_twice_is_the_same_lab(lab: Lab, lab_name: str) -> None:
    """Nothing is started again."""
    before = pids(lab)
    again = Lab.up(LabConfig(name=lab_name))
    assert pids(again) == before
    assert again.outputs == lab.outputs


def test_up_starts_what_is_missing(lab: Lab, lab_name: str) -> None:
    """A lab that lost a broker and a link server is whole again, and the rest was left alone."""
    before = pids(lab)
    lab.kill(2)
    lab.restart_links("c")
    Lab.up(LabConfig(name=lab_name))
    after = pids(lab)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"broker-2", "links-c"}
    assert all(after.values())


def test_a_start_that_fails_ends_what_it_began(
    other_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real nodes that have no time to get ready: none is left, their logs are; it says where."""
    state = state_of(other_name)
    with monkeypatch.context() as hasty:
        hasty.setattr(ready, "READY_TIMEOUT_S", 0.1)
        with pytest.raises(LabError, match="in vain for 3 brokers") as refused:
            Lab.up(LabConfig(name=other_name))
    assert str(state.logs) in str(refused.value)
    assert not process.find_all(process.mark(state.folder, ""))
    assert {f"links-{zone}.log" for zone in "abc"} <= {log.name for log in state.logs.iterdir()}
    assert any(log.name.startswith("controller-") for log in state.logs.iterdir())
    assert all(pids(Lab.up(LabConfig(name=other_name))).values())


def test_a_repair_that_fails_leaves_what_ran(
    lab: Lab, lab_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker that was to come back is ended again; every other process is the one of before."""
    before = pids(lab)
    lab.kill(2)
    with monkeypatch.context() as hasty:
        # The survivors still list the dead one for a while: only this asks in vain for certain.
        hasty.setattr(ready, "READY_TIMEOUT_S", 0.1)
        hasty.setattr(ready, "_serving", lambda *_: ())
        with pytest.raises(LabError, match="what was begun is ended"):
            Lab.up(LabConfig(name=lab_name))
    assert pids(lab) == before | {"broker-2": None}
    Lab.up(LabConfig(name=lab_name))


def test_two_labs_live_side_by_side(lab: Lab, other_name: str) -> None:
    """No address in common; taking one down leaves the other and nothing of itself."""
    other = Lab.up(LabConfig(name=other_name, cross_zone_latency_ms=5))
    hosts = [{node.host for node in one.outputs.nodes} for one in (lab, other)]
    assert not hosts[0] & hosts[1]
    slowed = [link.probe(2) for link in other.links()]
    assert min(time_s for time_s in slowed if time_s is not None) >= 0.010
    assert all(link.healthy() for link in other.links())
    before, folder = pids(lab), str(state_of(other_name).folder)
    other.down()
    assert not Path(folder).exists()
    lines = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if any(folder in word for word in line)]
    assert pids(lab) == before


def test_other_settings_are_refused_while_it_runs(lab: Lab, lab_name: str) -> None:
    """The message says with which it was started and what to do."""
    with pytest.raises(BadInput, match=f"lab down --name {lab_name}"):
        Lab.up(LabConfig(name=lab_name, cross_zone_latency_ms=3))
    assert all(pids(lab).values())


def test_a_slot_in_use_is_named(lab: Lab, other_name: str) -> None:
    """One line with the address, before anything is started."""
    free = allocate(lab.plan.topology, state_of(other_name), None)
    endpoint = free.upstream(lab.plan.topology.links()[0])
    with socket.socket() as taken:
        taken.bind((endpoint.host, endpoint.port))
        with pytest.raises(LabError, match=str(endpoint)):
            Lab.up(LabConfig(name=other_name, slot=free.slot))
    assert not [row for row in psutil.process_iter(["cmdline"]) if other_name in str(row.info)]


def test_a_half_written_lab_can_be_taken_down(other_name: str) -> None:
    """A damaged state is one clear line, and ``down`` needs it not."""
    folder = state_of(other_name).folder
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text("{")
    with pytest.raises(LabError, match=r"lab\.json is missing or damaged"):
        Lab.open(other_name)
    assert tear_down(other_name)
    assert not folder.exists()
    assert not tear_down(other_name)


def test_the_doors_say_what_there_is(lab: Lab, lab_name: str) -> None:
    """``status`` for a person, ``outputs`` as StackOutputs JSON, an unknown name as exit 2."""
    door = Door("lab")
    status = door.call("status")
    assert status.returncode == 0
    assert "controller-101" in status.stdout
    outputs = door.call("outputs", "--name", lab_name)
    assert load(outputs.stdout) == lab.outputs
    assert json.loads(outputs.stdout)["schema"] == 1
    unknown = door.call("outputs", "--name", "no-such-lab")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no-such-lab" in unknown.stderr
    assert "Traceback" not in unknown.stderr
