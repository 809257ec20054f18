"""Users on Kubernetes: a KafkaUser each, with its rights and its quota."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from blueprint.access import Access, Resource
from blueprint.labels import CLUSTER_LABEL
from blueprint.quotas import Quota
from blueprint.security import Security
from blueprint.strimzi_names import StrimziNames
from components.strimzi_cluster import API


@dataclass(frozen=True, slots=True)
class KafkaUser:
    """One principal.

    Attributes:
        accesses: All it may do; nothing else is allowed.
        quota: None for the chaos suite, whose load is what is measured.
    """

    name: str
    accesses: tuple[Access, ...]
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class KafkaUsersArgs:
    """Every principal of a cluster."""

    users: Sequence[KafkaUser]
    security: Security
    names: StrimziNames


class KafkaUsers(pulumi.ComponentResource):
    """The user operator makes each a Secret of its name: no secret is in the stack.

    Attributes:
        users: One resource for each, by the user's name.
    """

    users: Mapping[str, CustomResource]

    def __init__(
        self, name: str, args: KafkaUsersArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare them."""
        super().__init__("quorate:kubernetes:KafkaUsers", name, {}, opts)
        self.users = {
            user.name: CustomResource(
                f"user-{user.name}",
                api_version=API,
                kind="KafkaUser",
                metadata=ObjectMetaArgs(
                    name=user.name,
                    namespace=args.names.namespace,
                    labels={CLUSTER_LABEL: args.names.cluster},
                    annotations={"pulumi.com/waitFor": "condition=Ready"},
                ),
                spec=_spec(user, args.security),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for user in args.users
        }
        self.register_outputs({"users": sorted(self.users)})


def _spec(user: KafkaUser, security: Security) -> Mapping[str, object]:
    kind = "tls" if security is Security.MTLS else "scram-sha-512"
    spec: dict[str, object] = {
        "authentication": {"type": kind},
        "authorization": {"type": "simple", "acls": [_acl(one) for one in user.accesses]},
    }
    if user.quota is not None:
        spec["quotas"] = {
            "producerByteRate": user.quota.produce_bytes_per_s,
            "consumerByteRate": user.quota.fetch_bytes_per_s,
            "requestPercentage": user.quota.request_percent,
        }
    return spec


def _acl(access: Access) -> Mapping[str, object]:
    resource = {"type": access.resource.value}
    if access.resource is not Resource.CLUSTER:
        resource |= {"name": access.name, "patternType": access.pattern.value}
    operations = [operation.value for operation in access.operations]
    return {"resource": resource, "operations": operations}
