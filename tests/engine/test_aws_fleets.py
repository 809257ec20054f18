"""A whole stack on AWS in the real engine, as far as a preview goes: EKS, fleets, game day."""

import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from components.aws_fleets import DISKS
from components.aws_platform import declare
from lab.tools.pulumi import PulumiTools
from tests.engine.aws_provider.stand_in import running_moto
from tests.engine.aws_stack import STACK, blueprint, stand_in
from tests.engine.harness import Engine, Result, Room, StandIn
from tests.engine.kubernetes_fixtures import PROVIDER

pytestmark = pytest.mark.engine

_FLEETS: dict[str, Any] = {
    "fleets": [{"name": "billing", "image": "billing:1", "consumes": ["orders"]}],
    "game_day": {"image": "chaos:1"},
    "monitoring": {},
    "keda": False,
}


@pytest.fixture(scope="module")
def previewed(
    pulumi_tools: PulumiTools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Result]:
    """What a stack with a fleet and a game day, and no cluster of its own, would be."""
    made = blueprint(**_FLEETS)
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        # Nothing is asked of Kubernetes before there is one: the provider need only be there.
        stand_ins = (stand_in(moto), StandIn(PROVIDER))
        room = Room(tmp_path_factory.mktemp("room"), pulumi_tools, stand_ins)
        program = lambda: pulumi.export("quorate", declare(made))  # noqa: E731 one line is enough
        yield Engine.of_program(program, room, stack=STACK).preview()


def test_fleets_run_on_a_private_cluster_over_three_zones(previewed: Result) -> None:
    """Its API is reached from within, its secrets are encrypted, its machines ask for tokens."""
    (cluster,) = previewed.of_type("aws:eks/cluster:Cluster")
    inputs: dict[str, Any] = dict(cluster.inputs)
    vpc = inputs["vpcConfig"]
    assert (vpc["endpointPrivateAccess"], vpc["endpointPublicAccess"]) == (True, False)
    assert len(vpc["subnetIds"]) == 3
    assert inputs["encryptionConfig"]["resources"] == ["secrets"]
    (template,) = previewed.of_type("LaunchTemplate")
    options: dict[str, Any] = dict(template.inputs["metadataOptions"])  # type: ignore[call-overload]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
    (machines,) = previewed.of_type("NodeGroup")
    scaling: dict[str, Any] = machines.inputs["scalingConfig"]  # type: ignore[assignment]
    assert scaling["minSize"] % 3 == scaling["maxSize"] % 3 == 0
    services = {
        str(one.inputs["serviceName"]).removeprefix("com.amazonaws.eu-west-1.")
        for one in previewed.of_type("VpcEndpoint")
    }
    assert services >= {"ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth", "s3"}


def test_what_is_declared_on_it_is_more_than_text(previewed: Result) -> None:
    """Network policies are enforced, the game day's volume has a class, KEDA is only asked for."""
    (network,) = [one for one in previewed.of_type("Addon") if one.inputs["addonName"] == "vpc-cni"]
    assert json.loads(str(network.inputs["configurationValues"])) == {"enableNetworkPolicy": "true"}
    (disks,) = previewed.of_type("StorageClass")
    assert disks.inputs["parameters"] == {"type": "gp3", "encrypted": "true"}
    (claim,) = previewed.of_type("PersistentVolumeClaim")
    spec: dict[str, Any] = dict(claim.inputs["spec"])  # type: ignore[call-overload]
    assert spec["storageClassName"] == DISKS
    assert not previewed.of_type("ScaledObject")


def test_pods_are_who_they_are_by_pod_identity(previewed: Result) -> None:
    """The network's add-on, the disks' add-on and the game day have roles; fleets have none."""
    accounts = {one.inputs["serviceAccount"] for one in previewed.of_type("PodIdentityAssociation")}
    assert accounts == {"aws-node", "ebs-csi-controller-sa", "game-day"}


def test_contents_and_fleets_wait_for_a_calm_cluster(previewed: Result) -> None:
    """Topic, users, rights, quotas; then the fleet with its credentials, and the game day."""
    names = {(one.type.rpartition(":")[2], one.name) for one in previewed.changes}
    assert ("Topic", "topic-orders") in names
    assert {("ScramUser", f"user-{who}") for who in ("billing", "shop", "quorate-chaos")} <= names
    assert {("ClientQuota", f"quota-{who}") for who in ("billing", "shop")} <= names
    assert ("Deployment", "fleet-billing") in names
    assert ("CronJob", "game-day") in names
    assert ("Topic", "topic-billing-dead-letter") in names
    assert {name for kind, name in names if kind in ("PrometheusRule", "PodMonitor")} == {
        "monitoring-prometheusrule-quorate",
        "monitoring-podmonitor-fleets",
    }
    assert not [line for line in previewed.messages if line.startswith("error")]
    assert json.dumps([dict(one.inputs) for one in previewed.of_type("Secret")])
