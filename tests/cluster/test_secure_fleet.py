"""A fleet on a secured cluster, with what the blueprint grants it and nothing else."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from blueprint.access import LAG, Principal, fleet_accesses, lag_accesses
from blueprint.client_settings import GroupProtocol
from blueprint.fleets import DEAD_LETTERS, DEFERRED
from blueprint.security import Security
from lab.access import grant
from lab.cluster import Lab
from tests.cluster.clients import member_of, secured_lab
from tests.cluster.conftest import Door
from tests.cluster.split_fleet import assert_all_done, leave, prepared, replay, start
from tests.fleet.running_fleet import Fleet

pytestmark = pytest.mark.cluster

NAME = "billing"


@pytest.fixture(scope="module", params=[Security.SCRAM, Security.MTLS])
def secured(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Where nobody may do anything yet."""
    with secured_lab(request.param) as running:
        yield running


@pytest.fixture
def fleet(secured: Lab, tmp_path: Path) -> Iterator[Fleet]:
    """One that may do what a stack's own may, and proves that it is it."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(secured.outputs.to_json())
    made = Fleet(
        outputs,
        secured.outputs.bootstrap_servers["a"],
        tmp_path,
        GroupProtocol.CONSUMER,
        topic=NAME,
        admin=secured.plan.admin_settings(),
        own=kept(secured, Principal(NAME), tmp_path),
    )
    letters, deferred = f"{NAME}{DEAD_LETTERS}", f"{NAME}{DEFERRED}"
    grant(secured.admin(), fleet_accesses(NAME, [NAME], [letters], deferred=deferred))
    yield made
    made.end()


def kept(lab: Lab, who: Principal, folder: Path) -> Path:
    """Where somebody's credentials are, whom the cluster knows."""
    file = folder / f"{who.name}.json"
    file.touch(0o600)
    file.write_text(member_of(lab, who.name).to_json())
    return file


def test_a_fleet_works_catches_up_and_replays_with_its_own_rights(
    secured: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    """It writes down what it puts off, and reads it again in a group of its own; lag is seen."""
    settings = prepared(fleet)
    member = start(fleet, "many", settings)
    fleet.until(lambda: fleet.journal.exists() and "rest" in fleet.journal.read_text(), "it works")
    member.send_signal(signal.SIGUSR1)
    fleet.until(lambda: bool(fleet.signals("caught-up")), "it has caught up")
    fleet.until(fleet.done, "everything is committed")
    leave(fleet, [member])
    owed = replay(fleet, "many", "--dry-run")
    assert owed["deferred"] > 0
    ended = replay(fleet, "many")
    assert ended["replayed"] == owed["deferred"] + owed["skipped"]
    assert_all_done(fleet, 1)

    grant(secured.admin(), lag_accesses([NAME], [NAME]))
    reader = kept(secured, LAG, tmp_path)
    seen = Door("fleet").call(
        *("lag", "--outputs", str(fleet.outputs), "--once", "--json", "--records-only"),
        *("--group", NAME, "--credentials", str(reader)),
    )
    assert seen.returncode == 0, seen.stderr
    (group,) = json.loads(seen.stdout)["groups"]
    assert (group["group"], group["lag_records"]) == (NAME, 0)
