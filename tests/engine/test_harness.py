"""The harness: a stack is previewed, made, left alone, changed and removed, in the real engine."""

import pulumi
import pulumi_aws
import pytest

from tests.engine.aws_provider.stand_in import Moto
from tests.engine.conftest import AwsEngines, ProgramEngines, ProjectEngines
from tests.engine.harness import UNKNOWN, Difference, EngineFailed

pytestmark = pytest.mark.engine


def network(name: str, cidr: str = "10.0.1.0/24") -> None:
    """A network of one subnet."""
    vpc = pulumi_aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"Name": name})
    subnet = pulumi_aws.ec2.Subnet(
        "subnet", vpc_id=vpc.id, cidr_block=cidr, availability_zone="eu-west-1a"
    )
    pulumi.export("vpc", vpc.id)
    pulumi.export("subnet_arn", subnet.arn)


def test_a_stack_lives_and_dies(aws: Moto, aws_engine: AwsEngines) -> None:
    """Preview makes nothing, up makes all, up again nothing, a tag is one update, destroy ends."""
    ec2 = aws.client("ec2")
    before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    engine = aws_engine(lambda: network("old"))

    previewed = engine.preview()
    assert previewed.counts == {"create": 2}
    assert previewed.one("subnet").inputs["vpcId"] == UNKNOWN
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == before

    made = engine.up()
    assert made.counts == {"create": 2}
    vpc = engine.outputs()["vpc"]
    [found] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert found["Tags"] == [{"Key": "Name", "Value": "old"}]
    [subnet] = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert str(engine.outputs()["subnet_arn"]).endswith(subnet["SubnetId"])

    assert engine.up().counts == {"same": 2}

    engine.become(lambda: network("new"))
    changed = engine.up()
    assert changed.counts == {"update": 1, "same": 1}
    assert changed.differences() == {"vpc": {"tags.Name": Difference("update", "old", "new")}}
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"][0]["Value"] == "new"

    assert engine.refresh().changed() == ()
    assert engine.destroy().counts == {"delete": 2}
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == before
    assert engine.state().get("resources", []) in ([], None)


def test_what_cannot_be_changed_is_replaced(aws_engine: AwsEngines) -> None:
    """Another address range is another subnet, and the preview says so with both ranges."""
    engine = aws_engine(lambda: network("net"))
    engine.up()
    engine.become(lambda: network("net", "10.0.2.0/24"))
    previewed = engine.preview()
    assert previewed.counts == {"replace": 1, "same": 1}
    difference = Difference("update-replace", "10.0.1.0/24", "10.0.2.0/24")
    assert previewed.differences() == {"subnet": {"cidrBlock": difference}}
    replaced = engine.up().one("subnet")
    assert replaced.steps == ("create-replacement", "replace", "delete-replaced")


def test_a_failure_tells_what_was_done(aws: Moto, aws_engine: AwsEngines) -> None:
    """What AWS refuses fails the operation with its reason; what was made is in the state."""
    engine = aws_engine(lambda: network("net", "10.9.0.0/24"))
    with pytest.raises(EngineFailed, match=r"InvalidSubnet\.Range") as failure:
        engine.up()
    assert failure.value.result.one("vpc").operation == "create"
    engine.become(lambda: network("net"))
    assert engine.up().counts == {"same": 1, "create": 1}


def test_what_has_no_entry_is_refused_by_name(aws_engine: AwsEngines) -> None:
    """A type that the stand-in has not got fails in the preview, with its name."""

    def declare() -> None:
        pulumi_aws.sqs.Queue("queue")

    with pytest.raises(EngineFailed, match=r"aws:sqs/queue:Queue \(queue\) is not in .* TABLE"):
        aws_engine(declare).preview()


def test_bad_inputs_are_refused_before_anything_is_made(aws_engine: AwsEngines) -> None:
    """Every input that AWS would refuse is told of at once."""

    def declare() -> None:
        pulumi_aws.ebs.Volume("disk", availability_zone="eu-west-1a", type="gp3", size=0, iops=1)

    with pytest.raises(EngineFailed) as failure:
        aws_engine(declare).preview()
    assert "property size value {0}" in str(failure.value)
    assert "property iops value {1}" in str(failure.value)


def test_an_error_of_the_program_is_told(program_engine: ProgramEngines) -> None:
    """A program that raises fails the operation with what it raised."""

    def declare() -> None:
        raise ValueError("three zones are needed")

    with pytest.raises(EngineFailed, match="three zones are needed"):
        program_engine(declare).up()


def test_the_project_is_run_as_a_user_runs_it(project_engine: ProjectEngines) -> None:
    """The CLI and the language host run the project's own program with its own stack settings."""
    previewed = project_engine("local").preview()
    assert previewed.counts == {"create": len(previewed.changes)}
    assert previewed.of_type("LocalCluster")
