"""One stack: its settings, its blueprint, its target."""

import asyncio
from typing import Any

import pulumi

from blueprint.blueprint import blueprint_of
from blueprint.problem import BadInput
from components.stack_settings import stack_settings
from components.targets import provision


async def main() -> dict[str, Any]:
    """Declare the stack; what it exports."""
    try:
        outputs = provision(blueprint_of(stack_settings()))
    except BadInput as refused:
        raise pulumi.RunError(f"nothing was changed:\n{refused}") from None
    # Requests begin before the end is awaited, or pulumi asks every output after each of them.
    await asyncio.sleep(0)
    return {"quorate": outputs}


pulumi.run(main)
