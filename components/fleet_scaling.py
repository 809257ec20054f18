"""Autoscaling of a fleet on its lag, by KEDA; never more instances than partitions."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint.fleet_contract import AUTHORITY, CERTIFICATE, KEY, PASSWORD
from blueprint.fleets import FleetSpec
from blueprint.security import Security
from components.kafka_identity import KafkaIdentity

_API = "keda.sh/v1alpha1"
#: KEDA asks for the lag this often.
POLLING_S = 15
#: A fleet shrinks only after its lag was low for so long, and by one instance a minute: each that
#: leaves is a rebalance of all.
CALM_S, LEAVE_EVERY_S = 300, 60
#: What KEDA is to speak. Its default is 1.0.0, and brokers from 4.0 on answer nothing so old
#: (KIP-896 removed what came before 2.1).
PROTOCOL_VERSION = "2.8.0"
#: Polls without an answer, after which the fleet is kept as it is, or as planned if that is more.
_SILENT_POLLS = 3


@dataclass(frozen=True, slots=True)
class FleetScalingArgs:
    """What is scaled, and where its lag is asked for.

    Attributes:
        deployment: The name of the fleet's Deployment.
        identity: Whose rights KEDA asks with: the fleet's own, which include seeing its own lag.
    """

    fleet: FleetSpec
    namespace: pulumi.Input[str]
    deployment: pulumi.Input[str]
    bootstrap: pulumi.Input[str]
    identity: KafkaIdentity | None


class FleetScaling(pulumi.ComponentResource):
    """A ScaledObject and what KEDA identifies itself by."""

    def __init__(
        self, name: str, args: FleetScalingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare both; they are named as the fleet is."""
        super().__init__("quorate:kubernetes:FleetScaling", name, {}, opts)
        self._name, self._args = name, args
        self._metadata = ObjectMetaArgs(name=args.fleet.name, namespace=args.namespace)
        if args.identity is not None:
            self._lag_reader(args.identity)
        self._object("ScaledObject", f"{name}-lag", _spec(args))
        self.register_outputs({"scaled_object": args.fleet.name})

    def _lag_reader(self, identity: KafkaIdentity) -> None:
        """KEDA takes a user's name from an object of the cluster, and from nowhere else."""
        who = core.v1.ConfigMap(
            f"{self._name}-lag-reader",
            metadata=ObjectMetaArgs(
                name=f"{self._args.fleet.name}-lag-reader", namespace=self._args.namespace
            ),
            data={"username": identity.principal},
            opts=pulumi.ResourceOptions(parent=self),
        )
        spec = _authentication(identity, who.metadata.name)
        self._object("TriggerAuthentication", f"{self._name}-lag-reader", spec)

    def _object(self, kind: str, name: str, spec: Mapping[str, object]) -> None:
        CustomResource(
            name,
            api_version=_API,
            kind=kind,
            metadata=self._metadata,
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _authentication(identity: KafkaIdentity, who: pulumi.Input[str]) -> Mapping[str, object]:
    proofs = {PASSWORD: "password", CERTIFICATE: "cert", KEY: "key"}
    targets = [(identity.secret, key, proofs[key]) for key in identity.proofs]
    targets.append((identity.authority_secret, AUTHORITY, "ca"))
    spec: dict[str, object] = {
        "secretTargetRef": [
            {"name": secret, "key": key, "parameter": parameter}
            for secret, key, parameter in targets
        ]
    }
    if identity.security is Security.SCRAM:
        name = {"name": who, "key": "username", "parameter": "username"}
        spec["configMapTargetRef"] = [name]
    return spec


def _spec(args: FleetScalingArgs) -> Mapping[str, object]:
    fleet = args.fleet
    return {
        "scaleTargetRef": {"name": args.deployment},
        "pollingInterval": POLLING_S,
        "minReplicaCount": fleet.instances,
        "maxReplicaCount": fleet.most_instances,
        "fallback": {
            "failureThreshold": _SILENT_POLLS,
            "replicas": fleet.instances,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior()}},
        "triggers": [_trigger(args, topic) for topic in fleet.consumes],
    }


def _behavior() -> Mapping[str, object]:
    leaving = {"type": "Pods", "value": 1, "periodSeconds": LEAVE_EVERY_S}
    return {"scaleDown": {"stabilizationWindowSeconds": CALM_S, "policies": [leaving]}}


def _trigger(args: FleetScalingArgs, topic: str) -> Mapping[str, object]:
    metadata: dict[str, object] = {
        "bootstrapServers": args.bootstrap,
        "consumerGroup": args.fleet.group,
        "topic": topic,
        "lagThreshold": str(args.fleet.lag_records),
        # A partition without a commit is read from its beginning: all of it is lag.
        "offsetResetPolicy": "earliest",
        "allowIdleConsumers": "false",
        "version": PROTOCOL_VERSION,
    }
    trigger: dict[str, object] = {"type": "kafka", "metadata": metadata}
    if args.identity is not None:
        metadata["tls"] = "enable"
        trigger["authenticationRef"] = {"name": args.fleet.name}
        if args.identity.security is Security.SCRAM:
            metadata["sasl"] = "scram_sha512"
    return trigger
