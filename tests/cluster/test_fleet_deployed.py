"""``python -m fleet run`` by exactly what the Deployment gives it, on a real cluster."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from blueprint.client_settings import GroupProtocol
from blueprint.fleet_contract import ANYWHERE, HEALTH_PORT, LOOPBACK, Variable
from lab.cluster import Lab
from tests.fleet.handlers import HANGS, JOURNAL
from tests.fleet.render_deployment import ROOT, ZONE, laid_out, rendered
from tests.fleet.running_fleet import Fleet, MakeFleet, assert_nothing_skipped

pytestmark = pytest.mark.cluster

RECORDS = 2000


def free_port() -> int:
    """A port that nobody has, since the Deployment's own may be somebody's on this machine."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and content; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def environment_of(fleet: Fleet, lab: Lab, folder: Path) -> dict[str, str]:
    """What a pod of the fleet is given, and nothing of this process but where programs are."""
    spec = {
        "name": fleet.topic,
        "image": "fleet:1",
        "consumes": [fleet.topic],
        "produces": [],
        "instances": 1,
        "most_instances": 2,
        "threads": 8,
        "drain_deadline_s": 2,
        "cpu_millis": 100,
        "memory_mib": 256,
    }
    servers = lab.outputs.bootstrap_servers
    objects = rendered(
        fleet=spec, bootstrap=servers["a"], by_zone={ZONE: servers["b"]}, security="plaintext"
    )
    given = laid_out(objects, {}, folder).environment
    # Said by the Deployment alone; here nothing outside of this machine may ask.
    assert given[Variable.HEALTH_HOST] == ANYWHERE
    assert given[Variable.HEALTH_PORT] == str(HEALTH_PORT)
    given[Variable.HEALTH_HOST] = LOOPBACK
    own = {JOURNAL: str(fleet.journal), HANGS: str(fleet.folder / "hangs")}
    return given | own | {"PATH": os.environ["PATH"]}


def start(
    fleet: Fleet, environment: dict[str, str], port: int, handler: str = "write_down"
) -> "subprocess.Popen[str]":
    """The instance as its image starts it, with another port."""
    given = environment | {Variable.HEALTH_PORT.value: str(port)}
    command = [sys.executable, "-m", "fleet", "run", f"tests.fleet.handlers:{handler}"]
    with fleet.said.open("a") as said:
        member = subprocess.Popen(command, cwd=ROOT, env=given, stdout=said, stderr=said, text=True)
    fleet.members.append(member)
    return member


def test_a_deployed_instance_works_answers_and_ends_in_order(
    make_fleet: MakeFleet, lab: Lab, tmp_path: Path
) -> None:
    """It handles records, is ready with partitions and without, and ends in order on SIGTERM."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(partitions=1)
    fleet.produce(RECORDS, keys=50)
    environment = environment_of(fleet, lab, tmp_path / "pod")
    port, spare_port = free_port(), free_port()
    first = start(fleet, environment, port)
    fleet.until(lambda: asked(port, "/live")[0] == 200, "it lives")
    fleet.until(lambda: asked(port, "/ready")[0] == 200, "it is ready")
    fleet.until(fleet.done, "everything is committed")
    assert_nothing_skipped(fleet)
    _, metrics = asked(port, "/metrics")
    assert f'quorate_fleet_finished_records_total{{group="{fleet.topic}"}} {RECORDS}.0' in metrics
    assert f'quorate_fleet_partitions{{group="{fleet.topic}"}} 1.0' in metrics
    assert asked(port, "/")[0] == 404

    # One more than there are partitions, as in a rolling update: or the update would never end.
    spare = start(fleet, environment, spare_port)
    fleet.until(lambda: asked(spare_port, "/ready")[0] == 200, "the spare one is ready")

    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "it ends", 20)
    assert first.returncode == 0, fleet.said.read_text()[-2000:]
    fleet.until(lambda: "1 partitions" in asked(spare_port, "/ready")[1], "the spare takes over")
    spare.send_signal(signal.SIGTERM)
    fleet.until(lambda: spare.poll() is not None, "the spare one ends", 20)
    assert spare.returncode == 0


def test_while_it_ends_it_is_not_ready(make_fleet: MakeFleet, lab: Lab, tmp_path: Path) -> None:
    """From the signal on, while what was begun is drained; what outlives the deadline is said."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(partitions=1)
    (fleet.folder / "hangs").touch()
    environment = environment_of(fleet, lab, tmp_path / "pod")
    fleet.produce(10, keys=1)
    port = free_port()
    environment[Variable.DRAIN_DEADLINE_S] = "60"
    member = start(fleet, environment, port, "stand_still")
    fleet.until(lambda: "handling" in asked(port, "/metrics")[1], "it lives")
    handling = f'quorate_fleet_handling{{group="{fleet.topic}"}} 1.0'
    fleet.until(lambda: handling in asked(port, "/metrics")[1], "a handler is at a record")
    member.send_signal(signal.SIGTERM)
    fleet.until(lambda: asked(port, "/ready")[0] == 503, "it is not ready")
    assert "told to end" in asked(port, "/ready")[1]
    assert asked(port, "/live")[0] == 200
    assert member.poll() is None
    (fleet.folder / "hangs").unlink()
    fleet.until(lambda: member.poll() is not None, "it ends", 20)
    assert member.returncode == 0, fleet.said.read_text()[-2000:]
    assert sum(fleet.committed().values()) >= 1


def test_what_a_deployment_forgot_is_said_at_once(tmp_path: Path) -> None:
    """Every problem of the environment and of the file, and exit code 2."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"topics": [], "consumer": {}, "unknown": 1}))
    environment = {
        Variable.SETTINGS.value: str(settings),
        Variable.THREADS.value: "many",
        Variable.HEALTH_PORT.value: "99999",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "fleet", "run", "tests.fleet.handlers:nothing"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    for said in ("topics", "unknown", "QUORATE_THREADS", "QUORATE_HEALTH_PORT", "write_down"):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
