"""What an EC2 instance is told, judged by those who read it: cloud-init, the shell, systemd."""

import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from blueprint.host_settings import HostSettings
from blueprint.machine_types import CONTROLLER_TYPE, MACHINE_TYPES
from blueprint.topology import Node, Role
from components.user_data import (
    MOST_BYTES,
    cloud_config,
    cluster_env,
    directory_id,
    limits,
    node_env,
    salted_user,
    tools_properties,
    user_data,
)
from tests.components.node_facts import node_facts

_SCHEMA = Path(__file__).parents[1] / "engine/schemas/schema-cloud-config-v1.json"
_FILES = Path(__file__).parents[2] / "components/aws_node_files"
both_roles = pytest.mark.parametrize("role", list(Role))


@both_roles
def test_user_data_is_a_legal_cloud_config_that_ec2_takes(role: Role) -> None:
    """By cloud-init's own schema, and with room to spare below EC2's limit."""
    packed = base64.b64decode(user_data(node_facts(role)))
    assert len(packed) < MOST_BYTES / 2
    text = gzip.decompress(packed).decode()
    assert text.startswith("#cloud-config\n")
    Draft4Validator(json.loads(_SCHEMA.read_text())).validate(yaml.safe_load(text))


def test_the_same_facts_give_the_same_user_data() -> None:
    """Byte for byte: another one would replace the machine."""
    assert user_data(node_facts()) == user_data(node_facts())


def test_a_cluster_of_another_size_is_the_same_user_data() -> None:
    """Where the others are is a parameter of a node, else growth would replace every machine."""
    facts = node_facts()
    grown = replace(
        facts, peer_bootstrap="broker-9:9091", controllers=5, controller_bootstrap="x:1"
    )
    assert user_data(grown) == user_data(facts)
    assert cluster_env(grown) != cluster_env(facts)


def test_user_data_that_is_too_long_is_refused() -> None:
    """Before EC2 does."""
    noise = "".join(hashlib.sha512(bytes([one])).hexdigest() for one in range(255))
    with pytest.raises(ValueError, match="16384 at most"):
        user_data(replace(node_facts(), voters=noise, node=Node(101, Role.CONTROLLER, "a")))


@both_roles
def test_a_shell_reads_back_what_a_node_is_told(role: Role) -> None:
    """Whatever is quoted; and nothing else is set."""
    facts = node_facts(role)
    told = 'set -eu; . /dev/stdin; printf \'%s|%s|%s\' "$KAFKA_KEY" "$VOLUME_ID" "$ROLE"'
    said = subprocess.check_output(
        ["bash", "-c", told], input=node_env(facts), text=True, timeout=10
    )
    assert said == f"{facts.artifact.key}|{facts.volume_id}|{role}"


@both_roles
def test_every_variable_that_the_script_needs_is_told(role: Role) -> None:
    """What the script reads without a default of its own is in the environment file."""
    told = {
        line.removeprefix("export ").split("=")[0]
        for line in (node_env(node_facts(role)) + cluster_env(node_facts(role))).splitlines()
    }
    script = (_FILES / "quorate-node.sh").read_text()
    own = {
        "EUID",
        "SECONDS",
        "DEVICE",
        "DEVICES",
        "KAFKA",
        "ETC",
        "ROOM",
        "WAIT_S",
        "POLL_S",
        "HOLD_S",
        "BEHIND_MS",
        "AWAY_SINCE_MS",
    }
    assert _read_variables(script) - own - {"TOOL_TIMEOUT_S", "NF"} <= told


def test_no_secret_is_in_user_data() -> None:
    """Only the names under which the node finds its secrets."""
    text = cloud_config(node_facts(Role.CONTROLLER))
    assert "PRIVATE KEY" not in text
    assert "password" not in text.replace("ssh_pwauth", "").replace("no password", "")


def test_the_node_script_is_clean() -> None:
    """By shellcheck, every warning counted."""
    shellcheck = Path(sys.executable).with_name("shellcheck")
    script = _FILES / "quorate-node.sh"
    done = subprocess.run(
        [shellcheck, "--severity=style", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@both_roles
def test_the_units_are_accepted_by_systemd(role: Role, tmp_path: Path) -> None:
    """With what the plan adds to them, and without a word of warning."""
    root = _root_with_units(tmp_path, limits(node_facts().host_settings, role, CONTROLLER_TYPE))
    verify = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={root}"]
    done = subprocess.run(
        [*verify, "kafka.service", "quorate-node.service"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_kafka_is_kept_and_ended_as_it_should_be() -> None:
    """As a user without rights, started again when it fails, with time to end cleanly."""
    unit = (_FILES / "kafka.service").read_text().splitlines()
    for line in (
        "User=kafka",
        "Restart=on-failure",
        "TimeoutStopSec=600",
        "LimitNOFILE=100000",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ):
        assert line in unit


def test_limits_are_the_plans() -> None:
    """Open files as planned, a heap that leaves the rest of the memory to the page cache."""
    host = HostSettings(sysctl={}, open_files=250_000)
    text = limits(host, Role.BROKER, MACHINE_TYPES[1])
    assert "LimitNOFILE=250000\n" in text
    assert "-Xms4096m -Xmx4096m" in text


def test_the_tools_act_as_the_node() -> None:
    """Over its own certificate, and they verify whom they call."""
    lines = tools_properties().splitlines()
    assert "security.protocol=SSL" in lines
    assert "ssl.endpoint.identification.algorithm=https" in lines


@given(st.text("abcdefghijklmnopqrstuvwxyz-_ABC", min_size=22, max_size=22))
def test_directory_ids_are_stable_distinct_and_legal(cluster_id: str) -> None:
    """StorageTool takes each of them, and the same cluster has the same ones for ever."""
    nodes = [Node(one, Role.CONTROLLER, "a") for one in (101, 102, 103)]
    found = [directory_id(cluster_id, node) for node in nodes]
    assert found == [directory_id(cluster_id, node) for node in nodes]
    assert len(set(found)) == len(nodes)
    for one in found:
        assert len(one) == 22
        assert not one.startswith("-")
        assert len(base64.urlsafe_b64decode(one + "==")) == 16


def test_a_salted_user_has_the_password_of_rfc_5802() -> None:
    """What Kafka derives its keys from; the password itself is not in it."""
    told = salted_user("quorate-admin", "of a test", b"0123456789abcdef", 4096)
    salted = base64.b64decode(told.partition('saltedpassword="')[2].partition('"')[0])
    assert "of a test" not in told
    assert salted == _hi(b"of a test", b"0123456789abcdef", 4096)


def _hi(password: bytes, salt: bytes, iterations: int) -> bytes:
    """Hi() as RFC 5802 writes it down."""
    last = hmac.digest(password, salt + b"\0\0\0\1", "sha512")
    total = int.from_bytes(last, "big")
    for _ in range(iterations - 1):
        last = hmac.digest(password, last, "sha512")
        total ^= int.from_bytes(last, "big")
    return total.to_bytes(64, "big")


def _read_variables(script: str) -> set[str]:
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    return {
        name for name, default in re.findall(r"\$\{?([A-Z][A-Z0-9_]+)\b(:-)?", code) if not default
    }


def _root_with_units(root: Path, drop_in: str) -> Path:
    units = root / "etc/systemd/system"
    (units / "kafka.service.d").mkdir(parents=True)
    for unit in _FILES.glob("*.service"):
        shutil.copy(unit, units)
    (units / "kafka.service.d/10-quorate.conf").write_text(drop_in)
    for program in ("opt/kafka/bin/kafka-server-start.sh", "usr/local/sbin/quorate-node"):
        file = root / program
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n")
        os.chmod(file, 0o755)
    return root
