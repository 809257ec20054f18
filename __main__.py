"""One stack: its settings, its blueprint, its target."""

import pulumi

from blueprint.blueprint import blueprint_of
from blueprint.problem import BadInput
from components.stack_settings import stack_settings
from components.targets import provision

try:
    pulumi.export("quorate", provision(blueprint_of(stack_settings())))
except BadInput as refused:
    raise pulumi.RunError(f"nothing was changed:\n{refused}") from None
