"""A fleet on a secured cluster, with what the blueprint grants it and nothing else."""

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from blueprint.access import LAG, Access, Principal, fleet_accesses, lag_accesses
from blueprint.client_settings import GroupProtocol
from blueprint.fleets import DEAD_LETTERS, DEFERRED
from blueprint.security import Credentials, Security
from lab.access import grant, set_password
from lab.cluster import Lab
from lab.config import load, parse
from tests.cluster.conftest import Door
from tests.cluster.split_fleet import assert_all_done, leave, prepared, replay, start
from tests.fleet.running_fleet import ROOT, Fleet

pytestmark = pytest.mark.cluster

NAME = "billing"


@pytest.fixture(scope="module", params=[Security.SCRAM, Security.MTLS])
def secured(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The profile that is shipped, and the same with certificates alone."""
    name = f"secure-fleet-{uuid.uuid4().hex[:8]}"
    fields = load(ROOT / "lab" / "secure.yaml") | {"name": name, "security": request.param.value}
    running = Lab.up(parse(fields, "secure"))
    try:
        yield running
    finally:
        running.down()


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
    allow(secured, fleet_accesses(NAME, [NAME], [letters], deferred=deferred))
    yield made
    made.end()


def kept(lab: Lab, who: Principal, folder: Path) -> Path:
    """Where somebody's credentials are, whom the cluster knows."""
    own: Credentials = lab.plan.keyring.new_client(who)
    if lab.plan.config.security is Security.SCRAM:
        set_password(lab.admin(), own)
    file = folder / f"{who.name}.json"
    file.touch(0o600)
    file.write_text(own.to_json())
    return file


def allow(lab: Lab, accesses: tuple[Access, ...]) -> None:
    """As a stack's users are allowed what they need."""
    grant(lab.admin(), accesses)


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

    allow(secured, lag_accesses([NAME], [NAME]))
    reader = kept(secured, LAG, tmp_path)
    seen = Door("fleet").call(
        *("lag", "--outputs", str(fleet.outputs), "--once", "--json", "--records-only"),
        *("--group", NAME, "--credentials", str(reader)),
    )
    assert seen.returncode == 0, seen.stderr
    (group,) = json.loads(seen.stdout)["groups"]
    assert (group["group"], group["lag_records"]) == (NAME, 0)
