"""The targets. Each is one file; adding one is a file, a test and a line here."""

from importlib import import_module

import pulumi

from blueprint.blueprint import Blueprint

#: Imported when it is the one: a laptop need not load the cloud's packages, which takes seconds.
_MODULES = {
    "local": "components.local_platform",
    "aws": "components.aws_platform",
    "kubernetes": "components.kubernetes_platform",
}


def provision(blueprint: Blueprint) -> pulumi.Output[dict[str, object]]:
    """Declare a blueprint's resources on its target; returns its StackOutputs as a mapping."""
    module = import_module(_MODULES[blueprint.config.target])
    outputs: pulumi.Output[dict[str, object]] = module.declare(blueprint)
    return outputs
