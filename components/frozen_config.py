"""Configuration that never changes under a running pod: another content is another object."""

import hashlib
import json
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import core, meta

_DIGITS = 10


def frozen_config(
    name: str,
    metadata: meta.v1.ObjectMetaArgs,
    data: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> core.v1.ConfigMap:
    """An immutable ConfigMap that is named after its content.

    What mounts it is changed by the new name, so a Deployment rolls; the old one goes only after
    that, and no pod ever starts with half of a change.

    Args:
        name: The resource's.
        metadata: Its name is the beginning of the object's.
        data: By file name.
        opts: The resource's.
    """

    def named(given: Mapping[str, object]) -> str:
        text = json.dumps(given["data"], sort_keys=True)
        return f"{given['name']}-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"

    full = pulumi.Output.all(name=metadata.name, data=dict(data)).apply(named)
    return core.v1.ConfigMap(
        name,
        immutable=True,
        metadata=meta.v1.ObjectMetaArgs(
            name=full, namespace=metadata.namespace, labels=metadata.labels
        ),
        data=data,
        opts=opts,
    )
