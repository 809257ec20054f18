"""A whole run on AWS: real Kafka, whose nodes stand in the subnets of a VPC on moto."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from blueprint.outputs import StackOutputs
from chaos.restore import lease_book
from lab.cluster import Lab
from lab.config import LabConfig
from tests.chaos.targets.network import described, make_network, outputs_of, picture

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A running lab, gone at the end."""
    running = Lab.up(LabConfig(name=f"test-{uuid.uuid4().hex[:8]}"))
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
def outputs(lab: Lab, endpoint: None) -> StackOutputs:
    """The lab as a stack on AWS: each zone of a lab is a network of 256 addresses, and a subnet."""
    first = lab.outputs.nodes[0].host.split(".")
    vpc_id = make_network(subnets_per_zone=1, cidr=f"127.{first[1]}.0.0/16")
    aws = described(outputs_of(vpc_id))
    told = {"target": "aws", "stack": "game-day", "aws": aws, "lab": None, "links": ()}
    return lab.outputs.model_copy(update=told)


def test_a_run_whose_cut_drops_no_packet_is_invalid_and_leaves_nothing(
    outputs: StackOutputs, tmp_path: Path
) -> None:
    """No network ACL is enforced on moto: nodes go on answering, and that is never a PASS."""
    file, runs = tmp_path / "outputs.json", tmp_path / "runs"
    file.write_text(outputs.to_json())
    before = picture()
    words = ["run", "az-blackhole", "--outputs", str(file), "--runs-dir", str(runs)]
    settings = {
        "workload": "{rate_per_s: 300, partitions: 3, producers: [a], members: [a, b, c]}",
        "steps.0.hold_s": 1,
        "calm_s": 1,
    }
    for path, value in settings.items():
        words += ["--set", f"{path}={value}"]
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    (run_dir,) = runs.iterdir()
    verdict = json.loads((run_dir / "verdict.json").read_text())
    assert verdict["outcome"] == "INVALID"
    bites = {one["effect"]: (one["measured"], one["bit"]) for one in verdict["fault_effects"]}
    assert bites == {
        "subnets that deny everything": (1, True),
        "nodes that answered and are silent": (0, False),
    }
    assert verdict["records"]["lost"] == 0
    assert verdict["records"]["acknowledged"] > 1000
    assert picture() == before
    assert not lease_book().all()
    assert "back on their own network ACLs" in (run_dir / "history" / "events.jsonl").read_text()
