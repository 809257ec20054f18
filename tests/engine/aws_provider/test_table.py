"""The AWS stand-in: its table agrees with the SDK, and every entry lives through the engine."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pulumi_aws as aws_sdk
import pytest

from tests.engine.aws_provider.functions import FUNCTIONS
from tests.engine.aws_provider.sample_programs import (
    SmallNetwork,
    clusters,
    firewall,
    identities,
    machines,
    names_and_stores,
    routes,
)
from tests.engine.aws_provider.stand_in import Moto
from tests.engine.aws_provider.table import TABLE
from tests.engine.conftest import AwsEngines
from tests.engine.harness import SECRET, EngineFailed

_SDK = Path(aws_sdk.__file__).parent


def _module(token: str, prefix: str = "") -> Path:
    """The file of the SDK that registers this token."""
    package, name = re.fullmatch(r"aws:(\w+)/(\w+):\w+", token).groups()  # type: ignore[union-attr]
    folder = _SDK if package == "index" else _SDK / package
    guess = folder / (re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() + ".py")
    files = [guess] if guess.exists() else sorted(folder.glob(f"{prefix}*.py"))
    found = [file for file in files if f"'{token}'" in file.read_text()]
    assert found, f"the SDK has no {token}"
    return found[0]


def _inputs(token: str) -> set[str]:
    """The inputs that the SDK has of a type, as the engine sees them."""
    kind = token.rpartition(":")[2]
    for part in ast.parse(_module(token).read_text()).body:
        if isinstance(part, ast.ClassDef) and part.name in (f"{kind}Args", f"{kind}InitArgs"):
            names = {node.name for node in part.body if isinstance(node, ast.FunctionDef)}
            return {re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), n).rstrip("_") for n in names}
    raise AssertionError(f"the SDK has no arguments of {token}")


@pytest.mark.parametrize("token", TABLE)
def test_an_entry_names_inputs_of_the_sdk(token: str) -> None:
    """Every property that an entry speaks of is an input of that type; tags where it has them."""
    inputs = _inputs(token)
    assert TABLE[token].known() - {"tags"} <= inputs | {"region"}
    assert (TABLE[token].tag is not None) == ("tags" in inputs)


@pytest.mark.parametrize("token", FUNCTIONS)
def test_a_function_is_one_of_the_sdk(token: str) -> None:
    """Every function of the stand-in is one that a program can call."""
    assert _module(token, "get_").exists()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("program", "updated", "replaced"),
    [
        (routes, {"table", "ssm"}, set()),
        (firewall, {"clients", "in", "acl"}, set()),
        (machines, {"machine", "disk", "template"}, set()),
        (identities, {"key", "role", "inline", "policy"}, {"version"}),
        (
            names_and_stores,
            {"record", "bucket", "life", "object", "parameter", "document", "roll", "logs"}
            | {"alarm"},
            set(),
        ),
        (clusters, {"cluster", "nodes", "csi"}, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_entries_live_through_the_engine(
    program: Callable[[int], None],
    updated: set[str],
    replaced: set[str],
    aws: Moto,
    aws_engine: AwsEngines,
) -> None:
    """Each is previewed, made, left alone, changed as told, found as it is, and removed."""
    engine = aws_engine(lambda: program(0))
    previewed = engine.preview()
    made = engine.up()
    assert previewed.counts == made.counts == {"create": len(made.changes)}
    assert engine.up().changed() == ()
    engine.become(lambda: program(1))
    previewed, changed = engine.preview(), engine.up()
    for told in (previewed, changed):
        operations = {change.name: change.operation for change in told.changed()}
        assert operations == dict.fromkeys(updated, "update") | dict.fromkeys(replaced, "replace")
    assert engine.refresh().changed() == ()
    assert engine.up().changed() == ()
    assert engine.destroy().counts == {"delete": len(made.changes)}
    assert (
        aws.client("ec2").describe_subnets(
            Filters=[{"Name": "default-for-az", "Values": ["false"]}]
        )["Subnets"]
        == []
    )


@pytest.mark.engine
def test_a_secret_is_kept_as_one(aws: Moto, aws_engine: AwsEngines) -> None:
    """A secret's value reaches AWS, and neither the state nor the events hold it in clear."""
    engine = aws_engine(lambda: identities(0))
    made = engine.up()
    assert made.one("version").inputs["secretString"] == SECRET
    assert "hidden-0" in json.dumps(engine.state())
    assert "ciphertext" in engine.kept()
    assert "hidden-0" not in engine.kept()
    kept = aws.client("secretsmanager").get_secret_value(SecretId=engine.outputs()["secret"])
    assert kept["SecretString"] == "hidden-0"


@pytest.mark.engine
def test_an_input_that_no_entry_handles_is_refused(aws_engine: AwsEngines) -> None:
    """Nothing is passed over in silence: an input that the stand-in does nothing with fails."""

    def declare() -> None:
        aws_sdk.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", assign_generated_ipv6_cidr_block=True)

    with pytest.raises(EngineFailed, match="assignGeneratedIpv6CidrBlock"):
        aws_engine(declare).preview()


@pytest.mark.engine
def test_a_disk_is_not_attached_twice(aws_engine: AwsEngines) -> None:
    """A machine that is replaced before its disk is let go fails as it would in AWS."""

    def declare(user_data: str) -> None:
        net = SmallNetwork()
        image = aws_sdk.ssm.get_parameter(
            name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
        )
        machine = aws_sdk.ec2.Instance(
            "machine",
            ami=image.value,
            instance_type="r6g.large",
            subnet_id=net.subnets[0].id,
            user_data=user_data,
            user_data_replace_on_change=True,
        )
        disk = aws_sdk.ebs.Volume("disk", availability_zone="eu-west-1a", size=10)
        aws_sdk.ec2.VolumeAttachment(
            "attachment", device_name="/dev/sdf", instance_id=machine.id, volume_id=disk.id
        )

    engine = aws_engine(lambda: declare("old"))
    engine.up()
    engine.become(lambda: declare("new"))
    with pytest.raises(EngineFailed, match="VolumeInUse"):
        engine.up()
